#include "rrpo/rows/answer.h"

#include <array>
#include <utility>

#include "reading/form.h"
#include "reading/readings.h"
#include "rrpo/text/unicode.h"

namespace rrpo::rows {
namespace {

constexpr std::array<std::pair<Verdict, const char*>, 7> kVerdicts = {{{Verdict::right, "right"},
                                                                       {Verdict::wrong, "wrong"},
                                                                       {Verdict::unparsed, "unparsed"},
                                                                       {Verdict::dropped, "dropped"},
                                                                       {Verdict::random, "random"},
                                                                       {Verdict::unjudged, "unjudged"},
                                                                       {Verdict::failed, "failed"}}};

}  // namespace

const char* verdict_name(Verdict verdict) {
  for (const auto& [one, name] : kVerdicts) {
    if (one == verdict) return name;
  }
  return "unparsed";
}

std::optional<Verdict> verdict_of(std::string_view name) {
  if (name == "unparsable") return Verdict::unparsed;
  for (const auto& [verdict, own] : kVerdicts) {
    if (name == own) return verdict;
  }
  return std::nullopt;
}

std::string true_value(const Question& question, const Slot& slot) {
  const auto begin = static_cast<size_t>(slot.span.begin);
  const std::string_view there = std::string_view(question.answer).substr(begin, static_cast<size_t>(slot.span.end) - begin);
  const size_t at = begin == question.style.size() ? 0 : 1;  // 0: the case of its letter is free
  const std::string padded = std::string(at, ' ') + std::string(there);
  for (const std::string& value : slot.values) {
    if (value.size() == there.size() && continues(question, padded, at, value)) return value;
  }
  return "";
}

Judged judged(std::vector<std::string> expected, std::vector<std::string> found) {
  const Verdict verdict = expected == found ? Verdict::right : Verdict::wrong;
  return {verdict, std::move(expected), std::move(found), ""};
}

Judged unparsed(std::vector<std::string> expected, std::string reason) {
  return {Verdict::unparsed, std::move(expected), {}, std::move(reason)};
}

std::vector<std::string> true_values(const Question& question) {
  if (!question.item.keys.empty() || !question.item.text.empty()) return question.item.keys;
  const std::string_view answer = without_style(question, question.answer);
  if (question.format == "mcq") return read_choice(question.options, answer).found;
  if (question.format == "yesno") {
    const std::string words = text::plain_words(answer), first = words.substr(0, words.find(' '));
    return first == "yes" || first == "no" ? std::vector{first} : std::vector<std::string>();
  }
  std::vector<std::string> out;
  for (const Slot& slot : question.slots) out.push_back(true_value(question, slot));
  if (question.slots.empty()) out.push_back(question.format == "short" ? text::plain_words(answer) : std::string(answer));
  return out;
}

}  // namespace rrpo::rows
