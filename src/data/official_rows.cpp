#include "official_rows.h"

#include <algorithm>

#include "rrpo/data/media.h"
#include "rrpo/text/chat.h"
#include "rrpo/text/official.h"
#include "rrpo/text/token_diff.h"

namespace rrpo::data {

namespace {

constexpr int64_t kNoLabel = -100;

/// The rows of a prompt before its question, as the comparison of whole conversations counts them: with the visual tokens
/// where every clip has the same number of them (VideoChat2), else the words alone.
int64_t prompt_rows(const policy::Policy& policy) {
  const model::Vision& vision = policy.lvlm.vision();
  const auto runs_of = [&](int64_t frames) {
    const auto form = square_form(policy, frames);
    return form ? vision.runs(*form) : std::nullopt;
  };
  const auto one = runs_of(1), two = runs_of(2);
  const std::vector<model::VisualRun> runs = one && one == two ? *one : std::vector<model::VisualRun>{{}};
  int64_t rows = 0;
  for (const model::VisualRun& run : runs) rows += run.count;
  for (const auto& lead : policy::clip_leads(policy, runs)) rows += static_cast<int64_t>(lead.size());
  return rows;
}

}  // namespace

bool labels_officially(const policy::Policy& policy, const DatasetRules& rules) {
  return rules.official && !policy.eye_words;
}

std::vector<int64_t> official_labels_before(const policy::Policy& policy) {
  const text::PromptIds prompt = text::encode_prompt(*policy.tokenizer, policy.chat, "");
  return text::official_labels(*policy.tokenizer, prompt.before, /*to_answer=*/false);
}

std::string make_official(const policy::Policy& policy, const DatasetRules& rules, const rows::Pair& pair,
                          const std::string& place, Sample& sample) {
  const text::Tokenizer& tokenizer = *policy.tokenizer;
  const auto replace = [&](const text::MarkedText& side, text::AnswerIds& ids) {
    text::OfficialAnswer official = text::official_answer(tokenizer, side, place);
    ids = std::move(official.answer);
    return official.unmarked;
  };
  for (AskedClip* asked :
       {&sample.own, sample.other ? &*sample.other : nullptr, sample.reference ? &*sample.reference : nullptr}) {
    if (asked != nullptr) asked->labels = text::official_labels(tokenizer, asked->question, /*to_answer=*/true);
  }
  const std::string chosen = replace(pair.chosen, sample.chosen);
  const std::string rejected = rules.reads(AnswerOf::rejected) ? replace(pair.rejected, sample.rejected) : "";
  if (rules.reads(AnswerOf::other_chosen)) replace(pair.other_chosen.value(), sample.other_chosen);
  if (rules.difference) {
    mark_difference(policy, sample);
    return "";
  }
  if (!rules.marks || (chosen.empty() && rejected.empty())) return "";
  return "the official code marks no token of " + (chosen.empty() ? "rejected: " + rejected : "chosen: " + chosen);
}

void mark_difference(const policy::Policy& policy, Sample& sample) {
  const size_t prompt = static_cast<size_t>(prompt_rows(policy)) + sample.own.question.size();
  const size_t size = prompt + std::max(sample.chosen.ids.size(), sample.rejected.ids.size());
  const auto labels = [&](const text::AnswerIds& answer) {
    std::vector<int64_t> all(size, kNoLabel);
    std::copy(answer.ids.begin(), answer.ids.end(), all.begin() + static_cast<std::ptrdiff_t>(prompt));
    return all;
  };
  const text::DifferenceMarks marks = text::difference_marks(labels(sample.chosen), labels(sample.rejected));
  const auto take = [&](const std::vector<int64_t>& from, text::AnswerIds& to) {
    const auto begin = from.begin() + static_cast<std::ptrdiff_t>(prompt);
    to.phrase.assign(begin, begin + static_cast<std::ptrdiff_t>(to.ids.size()));
  };
  take(marks.a, sample.chosen);
  take(marks.b, sample.rejected);
}

}  // namespace rrpo::data
