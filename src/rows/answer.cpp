#include "rrpo/rows/answer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "rrpo/rows/options.h"
#include "rrpo/text/unicode.h"
#include "rrpo/util/table.h"

namespace rrpo::rows {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  return begin == std::string_view::npos ? std::string_view()
                                         : text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::string_view without_style(const Question& question, std::string_view text) {
  const std::string_view style = trimmed(question.style);
  text = trimmed(text);
  return !style.empty() && text.starts_with(style) ? trimmed(text.substr(style.size())) : text;
}

/// True when `text` continues with `wanted` at `at`. The case of the first letter of all is free when the question has a
/// style.
bool continues(const Question& question, std::string_view text, size_t at, std::string_view wanted) {
  if (text.size() - at < wanted.size()) return false;
  const std::string_view part = text.substr(at, wanted.size());
  if (at > 0 || question.style.empty() || wanted.empty()) return part == wanted;
  const auto size = static_cast<size_t>(text::code_point_at(wanted, 0).size);
  return text::fold_case(part.substr(0, size)) == text::fold_case(wanted.substr(0, size)) &&
         part.substr(size) == wanted.substr(size);
}

std::string_view slice(const std::string& text, int64_t begin, int64_t end) {
  return std::string_view(text).substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
}

/// Matches a response against the answer with free slots; remembers dead ends, so that the time is bounded.
class SlotMatcher {
 public:
  SlotMatcher(const Question& question, std::string_view response) : question_(question), response_(response) {}

  std::optional<std::vector<std::string>> run() {
    std::vector<std::string> found;
    if (!from(0, 0, found)) return std::nullopt;
    std::reverse(found.begin(), found.end());
    return found;
  }

 private:
  /// The fixed text before slot `index`, or after the last one. The first begins behind the style and the blanks after it.
  std::string_view fixed(size_t index) const {
    const auto& slots = question_.slots;
    const int64_t begin = index == 0 ? static_cast<int64_t>(question_.style.size()) : slots[index - 1].span.end;
    const int64_t end = index == slots.size() ? static_cast<int64_t>(question_.answer.size()) : slots[index].span.begin;
    std::string_view text = slice(question_.answer, begin, end);
    if (index == 0) text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
    if (index == slots.size()) text = text.substr(0, text.find_last_not_of(kBlank) + 1);
    return text;
  }
  bool from(size_t index, size_t at, std::vector<std::string>& found) {
    if (dead_.contains({index, at})) return false;
    const std::string_view text = fixed(index);
    if (continues(question_, response_, at, text)) {
      const size_t next = at + text.size();
      if (index == question_.slots.size()) {
        if (next == response_.size()) return true;
      } else {
        for (const std::string& value : question_.slots[index].values) {
          if (continues(question_, response_, next, value) && from(index + 1, next + value.size(), found)) {
            found.push_back(value);
            return true;
          }
        }
      }
    }
    dead_.insert({index, at});
    return false;
  }

  const Question& question_;
  std::string_view response_;
  std::set<std::pair<size_t, size_t>> dead_;
};

Judged judged(std::vector<std::string> expected, std::vector<std::string> found) {
  const Verdict verdict = expected == found ? Verdict::right : Verdict::wrong;
  return {verdict, std::move(expected), std::move(found), ""};
}

Judged unparsable(std::vector<std::string> expected, std::string reason) {
  return {Verdict::unparsable, std::move(expected), {}, std::move(reason)};
}

Judged judge_slots(const Question& question, std::string_view response) {
  std::vector<std::string> expected;
  for (const Slot& slot : question.slots) expected.push_back(true_value(question, slot));
  const auto found = SlotMatcher(question, response).run();
  return found ? judged(expected, *found) : unparsable(expected, "the response does not have the form of the answer");
}

Judged judge_mcq(const Question& question, std::string_view answer, std::string_view response) {
  const std::vector<std::string> truth = named_options(question.options, answer);
  if (truth.size() != 1)
    return unparsable(truth, truth.empty() ? "the answer names no option" : "the answer names several options");
  const std::vector<std::string> found = named_options(question.options, response);
  if (found.empty()) return unparsable(truth, "no option is named");
  if (found.size() > 1) return unparsable(truth, "several options are named: " + join(found));
  return judged(truth, found);
}

std::string yes_or_no(std::string_view text) {
  const std::string words = text::plain_words(text);
  const std::string first = words.substr(0, words.find(' '));
  return first == "yes" || first == "no" ? first : "";
}

Judged judge_yesno(std::string_view answer, std::string_view response) {
  const std::string truth = yes_or_no(answer), found = yes_or_no(response);
  if (truth.empty()) return unparsable({}, "the answer begins with neither yes nor no");
  if (found.empty()) return unparsable({truth}, "the response begins with neither yes nor no");
  return judged({truth}, {found});
}

Judged judge_short(std::string_view answer, std::string_view response) {
  std::string truth = text::plain_words(answer), found = text::plain_words(response);
  if (found.empty()) return unparsable({std::move(truth)}, "the response says nothing");
  return judged({std::move(truth)}, {std::move(found)});
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::right:
      return "right";
    case Verdict::wrong:
      return "wrong";
    case Verdict::unparsable:
      return "unparsable";
  }
  return "unparsable";
}

std::string true_value(const Question& question, const Slot& slot) {
  const std::string_view there = slice(question.answer, slot.span.begin, slot.span.end);
  const size_t at =
      slot.span.begin == static_cast<int64_t>(question.style.size()) ? 0 : 1;  // 0: the case of its letter is free
  const std::string padded = std::string(at, ' ') + std::string(there);
  for (const std::string& value : slot.values) {
    if (value.size() == there.size() && continues(question, padded, at, value)) return value;
  }
  return "";
}

Judged judge(const Question& question, std::string_view response) {
  const std::string_view answer = without_style(question, question.answer);
  const std::string_view said = without_style(question, response);
  if (question.format == "mcq") return judge_mcq(question, answer, said);
  if (question.format == "yesno") return judge_yesno(answer, said);
  if (!question.slots.empty()) return judge_slots(question, said);
  if (question.format == "short") return judge_short(answer, said);
  return unparsable({std::string(answer)}, "an open answer without slots needs a judge");
}

}  // namespace rrpo::rows
