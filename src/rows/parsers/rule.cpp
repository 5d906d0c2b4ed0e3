#include "rule.h"

#include <algorithm>

namespace rrpo::rows {
namespace {

std::string letter_of(const Question& question, bool last) {
  const std::vector<std::string>& keys = question.item.keys;
  if (question.item.text.empty()) return keys.empty() ? "@" : (last ? keys.back() : keys.front());
  std::string out = "@";
  for (size_t i = 0; i < question.options.size(); ++i) {
    if (question.options[i].text != question.item.text) continue;
    out = letter_at(i);
    if (!last) break;
  }
  return out;
}

bool is_capital(const std::string& text) { return text.size() == 1 && text[0] >= 'A' && text[0] <= 'Z'; }

}  // namespace

const Rule* find_rule(std::span<const Rule> rules, const Question& question) {
  const auto rule = std::find_if(rules.begin(), rules.end(), [&](const Rule& one) {
    return one.benchmark == question.item.benchmark && one.format == question.format;
  });
  return rule == rules.end() ? nullptr : &*rule;
}

Judged apply_rule(std::span<const Rule> rules, const Question& question, std::string_view reply) {
  const Rule* rule = find_rule(rules, question);
  if (rule == nullptr) return unparsed(question.item.keys, "the scorer has no rule for this question");
  return rule->apply(question, py::text_of(reply));
}

std::string letter_at(size_t index) { return {static_cast<char>('A' + index)}; }

std::string last_letter(const Question& question) { return letter_of(question, true); }

std::string first_letter_of(const Question& question) { return letter_of(question, false); }

std::string own_letter(const Question& question) { return question.item.keys.empty() ? "@" : question.item.keys.front(); }

std::string published(const Question& question) {
  const Item& item = question.item;
  return item.text.empty() && !item.keys.empty() ? item.keys.front() : item.text;
}

Judged chosen(const Question& question, bool right, const std::string& truth, const std::function<bool(size_t)>& says) {
  const std::vector<std::string>& expected = question.item.keys;
  if (right) return {Verdict::right, expected, is_capital(truth) ? std::vector{truth} : std::vector<std::string>(), ""};
  for (size_t i = 0; i < question.options.size(); ++i) {
    if (says(i)) return {Verdict::wrong, expected, {question.options[i].key}, ""};
  }
  return unparsed(expected, "the script finds no option in the reply");
}

Judged read_letter(const Question& question, const std::string& letter, const std::string& truth) {
  if (letter.empty()) return unparsed(question.item.keys, "the script finds no letter in the reply");
  return {letter == truth ? Verdict::right : Verdict::wrong, question.item.keys, {letter}, ""};
}

Judged needs_judge(const Question& question) {
  return {Verdict::unjudged, question.item.keys, {}, "the script asks a language model here"};
}

Judged script_stops(const Question& question) { return unparsed(question.item.keys, "the script ends with an error here"); }

}  // namespace rrpo::rows
