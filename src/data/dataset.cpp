#include "rrpo/data/dataset.h"

#include <algorithm>

#include "official_rows.h"
#include "rrpo/data/length.h"
#include "rrpo/rows/question.h"
#include "rrpo/rows/row_reader.h"
#include "rrpo/rows/unused_keys.h"
#include "rrpo/util/error.h"
#include "sample_builder.h"

namespace rrpo::data {

namespace {

/// A row with an answer that is no pair: neither `chosen` nor the authors' `pred`.
bool is_question(const Json& row) {
  return row.is_object() && row.contains("answer") && !row.contains("chosen") && !row.contains("pred");
}

rows::Pair question_pair(const Json& row, std::string_view place) {
  rows::Question question = rows::parse_question(row, place);
  rows::Pair pair;
  pair.id = std::move(question.id);
  pair.media = std::move(question.media);
  pair.question = std::move(question.question);
  pair.chosen = {std::move(question.answer), std::move(question.spans)};
  pair.extra = std::move(question.extra);
  pair.place = place;
  return pair;
}

/// Pairs and, where no rejected answer is read, questions: decided row by row.
std::vector<rows::Pair> read_rows(const std::filesystem::path& file, const DatasetRules& rules,
                                  std::vector<rows::BadRow>* bad) {
  std::vector<rows::Pair> pairs = rows::read_rows(file, bad, [&rules](const Json& row, std::string_view place) {
    if (!is_question(row)) return rows::parse_pair(row, place);
    if (rules.reads(AnswerOf::rejected))
      rows::bad_row(place, "holds a question, this objective needs pairs",
                    "make pairs of questions with rrpo-gen, or train with objective.name=sft");
    return question_pair(row, place);
  });
  rows::tell_unused(file, pairs);
  return pairs;
}

}  // namespace

const std::vector<int64_t>& Dataset::eye_text(int64_t video) const {
  static const std::vector<int64_t> none;
  return eye_texts.empty() ? none : eye_texts.at(static_cast<size_t>(video));
}

const text::AnswerIds& answer_of(const Sample& sample, Role role) {
  switch (parts(role).answer) {
    case AnswerOf::chosen:
      return sample.chosen;
    case AnswerOf::rejected:
      return sample.rejected;
    case AnswerOf::other_chosen:
      return sample.other_chosen;
  }
  return sample.chosen;
}

const AskedClip& clip_of(const Sample& sample, Role role, bool to_reference) {
  if (parts(role).clip == ShownClipOf::other) return sample.other.value();
  return to_reference && sample.reference ? *sample.reference : sample.own;
}

std::vector<const AskedClip*> clips_of(const Sample& sample) {
  std::vector<const AskedClip*> clips = {&sample.own};
  for (const auto* clip : {&sample.other, &sample.reference}) {
    if (*clip) clips.push_back(&**clip);
  }
  return clips;
}

int64_t longest_answer(const Sample& sample, const AskedClip& clip, const std::vector<Role>& roles) {
  size_t longest = 0;
  for (const Role role : roles) {
    const bool shown = &clip_of(sample, role) == &clip || &clip_of(sample, role, /*to_reference=*/true) == &clip;
    if (shown) longest = std::max(longest, answer_of(sample, role).ids.size());
  }
  return static_cast<int64_t>(longest);
}

void check_length(const policy::Policy& policy, const Dataset& dataset, const Sample& sample, const AskedClip& asked,
                  const ShownClip& clip, const std::string& place) {
  const int64_t most = policy.positions, visual = clip.visual_tokens();
  const int64_t answer = longest_answer(sample, asked, dataset.roles);
  const int64_t tokens = static_cast<int64_t>(asked.question.size()) + answer + clip.words() + visual;
  if (most == 0 || tokens <= most) return;
  throw Error(Fault::input, "data",
              place + ": " + std::to_string(tokens) + " tokens (" + std::to_string(visual) + " of the video, " +
                  std::to_string(answer) + " of the longer answer), the model has " + std::to_string(most) + " positions",
              "shorten the texts, or lower video.frames");
}

Dataset read_dataset(const std::vector<std::filesystem::path>& files, const std::filesystem::path& root,
                     const policy::Policy& policy, const DatasetRules& rules) {
  Dataset dataset;
  dataset.roles = rules.roles;
  dataset.ones_in_front = rules.official && policy.eye_words != nullptr;
  if (labels_officially(policy, rules)) dataset.before_labels = official_labels_before(policy);
  SampleBuilder builder(dataset, root, policy, rules);
  for (const auto& file : files) {
    std::vector<rows::BadRow> bad;
    const std::vector<rows::Pair> pairs = read_rows(file, rules, rules.skip_bad_rows ? &bad : nullptr);
    builder.find_times(pairs);
    for (const rows::Pair& pair : pairs)
      builder.add(pair, (pair.place.empty() ? file.string() : pair.place) + ": " + pair.id);
    for (const rows::BadRow& row : bad) dataset.skipped.push_back({row.place, row.reason});
  }
  if (dataset.samples.empty()) {
    throw Error(Fault::input, "data", (files.empty() ? "no file" : files.front().string()) + ": no usable row",
                "check data.pairs");
  }
  return dataset;
}

}  // namespace rrpo::data
