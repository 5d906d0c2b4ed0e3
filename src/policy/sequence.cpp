#include "rrpo/policy/sequence.h"

#include "rrpo/util/error.h"

namespace rrpo::policy {

int64_t LabelledRows::add_video(const std::vector<int64_t>& before, int64_t visual_tokens, int64_t video) {
  return rows.add_video(before, visual_tokens, video);
}

int64_t LabelledRows::add_question(int64_t video_segment, const std::vector<int64_t>& after) {
  return rows.add_segment(after, video_segment);
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
