// As a careful person reads: what is in doubt is unparsed, never right and never wrong.
#include <algorithm>
#include <set>
#include <utility>

#include "../parsers/option_set.h"
#include "../reading/form.h"
#include "../reading/readings.h"
#include "entries.h"
#include "rrpo/text/unicode.h"

namespace rrpo::rows {
namespace {

/// The options without those that say again what another right one says: their text names both, which is no doubt.
std::vector<Option> one_of_equals(const Question& question) {
  std::vector<Option> out;
  std::set<std::string> seen;
  for (const Option& option : question.options) {
    const std::vector<std::string>& right = question.item.keys;
    const bool again = std::find(right.begin(), right.end(), option.key) != right.end() && !seen.insert(option.text).second;
    if (!again) out.push_back(option);
  }
  return out;
}

Judged judge_choice(const Question& question, std::string_view reply) {
  const std::vector<std::string> truth = true_values(question);
  if (truth.empty() && question.item.text.empty()) return unparsed({}, "the answer names no option, or several");
  Reading read = read_choice(question.options, reply);
  if (read.found.empty() && truth.size() > 1) read = read_choice(one_of_equals(question), reply);
  if (read.found.empty()) return unparsed(truth, read.reason);
  const bool right = std::find(truth.begin(), truth.end(), read.found.front()) != truth.end();
  return {right ? Verdict::right : Verdict::wrong, truth, std::move(read.found), ""};
}

Judged judge_yesno(const Question& question, std::string_view reply) {
  const std::vector<std::string> truth = true_values(question);
  if (truth.empty()) return unparsed({}, "the answer begins with neither yes nor no");
  Reading read = question.slots.empty() ? read_yes_or_no(reply) : read_first_word(reply);
  return read.found.empty() ? unparsed(truth, read.reason) : judged(truth, std::move(read.found));
}

/// What a row says that is right; of one without keys what is read out of its answer.
std::vector<std::string> truth_of(const Question& question, const Reading& answer) {
  const bool stated = !question.item.keys.empty() || !question.item.text.empty();
  return stated ? question.item.keys : answer.found;
}

/// Any of the keys is right; of a question with several right options all are needed.
Judged judge_keys(const std::vector<std::string>& truth, Reading read, bool all) {
  if (read.found.empty()) return unparsed(truth, read.reason);
  const bool right = all ? std::is_permutation(read.found.begin(), read.found.end(), truth.begin(), truth.end())
                         : std::find(truth.begin(), truth.end(), read.found.front()) != truth.end();
  return {right ? Verdict::right : Verdict::wrong, truth, std::move(read.found), ""};
}

Judged judge_set(const Question& question, std::string_view reply) {
  const auto read = [&](std::string_view text) { return read_choices(question.options, text); };
  return judge_keys(truth_of(question, read(question.answer)), read(reply), true);
}

Judged judge_caption_match(const Question& question, std::string_view reply) {
  const auto read = [&](std::string_view text) { return read_caption(question.options, text); };
  return judge_keys(truth_of(question, read(question.answer)), read(reply), false);
}

Judged judge_scene_change(const Question& question, std::string_view reply) {
  return judge_keys(truth_of(question, read_scene_change(question.answer)), read_scene_change(reply), false);
}

std::vector<std::string> texts_of(const std::vector<Option>& options) {
  std::vector<std::string> out;
  for (const Option& option : options) out.push_back(option.text);
  return out;
}

Judged judge_short(const Question& question, std::string_view reply) {
  const std::string_view answer = without_style(question, question.answer);
  const std::string words = text::plain_words(answer);
  if (words == "yes" || words == "no") {
    Reading read = read_yes_or_no(reply);
    return read.found.empty() ? unparsed({words}, read.reason) : judged({words}, std::move(read.found));
  }
  PhraseReading read = read_phrase(answer, texts_of(question.options), reply);
  if (read.verdict == Verdict::unparsed) return unparsed({words}, read.reason);
  if (read.verdict == Verdict::right) return judged({words}, {words});
  return {Verdict::wrong, {words}, {std::move(read.found)}, ""};
}

/// The value of the one slot that the reply gives as a phrase, where it gives one only.
Reading read_value(const Question& question, std::string_view reply) {
  const std::vector<std::string>& values = question.slots[0].values;
  const std::string truth = true_value(question, question.slots[0]);
  std::vector<std::string> others = texts_of(question.options);
  others.insert(others.end(), values.begin(), values.end());
  Reading out;
  for (const std::string& value : values) {
    const bool again = value != truth && text::plain_words(value) == text::plain_words(truth);
    const PhraseReading read = again ? PhraseReading() : read_phrase(value, others, reply);
    if (read.verdict == Verdict::right) out.found.push_back(value);
    if (value == truth) out.reason = read.reason;
  }
  if (out.found.size() != 1) out.found.clear();
  return out;
}

/// What is read is a value of each slot, never other words: rejected answers are made of it.
Judged judge_slots(const Question& question, std::string_view reply) {
  std::vector<std::string> expected = true_values(question);
  Reading read{read_slots(question, reply), ""};
  if (read.found.empty() && question.format == "short" && question.slots.size() == 1) read = read_value(question, reply);
  if (!read.found.empty()) return judged(std::move(expected), std::move(read.found));
  const bool told = !read.reason.empty();
  return unparsed(std::move(expected), told ? read.reason : "the response does not have the form of the answer");
}

Judged judge_ours(const Question& question, std::string_view reply) {
  const std::string_view said = without_style(question, reply);
  if (question.format == "mcq") return judge_choice(question, said);
  if (question.format == "yesno") return judge_yesno(question, said);
  if (question.format == "mcq_set") return judge_set(question, said);
  if (question.format == "caption_match") return judge_caption_match(question, said);
  if (question.format == "scene_change") return judge_scene_change(question, said);
  if (!question.slots.empty()) return judge_slots(question, said);
  if (question.format == "short") return judge_short(question, said);
  const std::string_view answer = without_style(question, question.answer);
  return {Verdict::unjudged, {std::string(answer)}, {}, "an open answer without slots needs a judge"};
}

}  // namespace

Scorer scorer_ours() {
  return {"ours", "as a careful person reads; what is in doubt is unparsed", "2026-11b", judge_ours,
          [](const Question&) { return true; }};
}

}  // namespace rrpo::rows
