#include "rrpo/policy/sequence.h"

#include "rrpo/util/error.h"

namespace rrpo::policy {

int64_t LabelledRows::add_clip(const std::vector<std::vector<int64_t>>& leads, const std::vector<model::VisualRun>& runs,
                               int64_t video) {
  return rows.add_clip(leads, runs, video);
}

int64_t LabelledRows::add_question(int64_t video_segment, const std::vector<int64_t>& after) {
  return rows.add_segment(after, video_segment);
}

void LabelledRows::add_prompt_labels(int64_t question_segment, const std::vector<int64_t>& before,
                                     const std::vector<int64_t>& after, int64_t number) {
  const int64_t video_segment = rows.segments.at(static_cast<size_t>(question_segment)).parent;
  for (const int64_t place : before) add_label(video_segment, place, number);
  for (const int64_t place : after) add_label(question_segment, place, number);
}

void LabelledRows::add_label(int64_t segment, int64_t place, int64_t number) {
  const model::Segment& own = rows.segments.at(static_cast<size_t>(segment));
  expect(place >= 0 && place < own.length, "a label outside its segment");
  if (place == 0 && own.parent < 0) return;
  rows.read_rows.push_back(place > 0 ? own.begin + place - 1 : rows.last_row(own.parent));
  labels.push_back(rows.ids.at(static_cast<size_t>(own.begin + place)));
  phrase.push_back(0);
  answer.push_back(number);
}

void LabelledRows::add_answer(int64_t question_segment, const text::AnswerIds& given, int64_t number) {
  expect(!given.ids.empty() && given.ids.size() == given.phrase.size(),
         "an answer without ids or with other phrase numbers");
  rows.read_rows.push_back(rows.last_row(question_segment));
  if (given.ids.size() > 1) {
    const int64_t segment = rows.add_segment({given.ids.begin(), given.ids.end() - 1}, question_segment);
    const model::Segment& own = rows.segments[static_cast<size_t>(segment)];
    for (int64_t i = 0; i < own.length; ++i) rows.read_rows.push_back(own.begin + i);
  }
  labels.insert(labels.end(), given.ids.begin(), given.ids.end());
  phrase.insert(phrase.end(), given.phrase.begin(), given.phrase.end());
  answer.insert(answer.end(), given.ids.size(), number);
}

}  // namespace rrpo::policy
