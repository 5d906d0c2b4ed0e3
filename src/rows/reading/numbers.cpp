#include "numbers.h"

#include <map>

namespace rrpo::rows {
namespace {

const std::map<std::string_view, int> kUnits = {{"zero", 0},     {"one", 1},        {"two", 2},       {"three", 3},
                                                {"four", 4},     {"five", 5},       {"six", 6},       {"seven", 7},
                                                {"eight", 8},    {"nine", 9},       {"ten", 10},      {"eleven", 11},
                                                {"twelve", 12},  {"thirteen", 13},  {"fourteen", 14}, {"fifteen", 15},
                                                {"sixteen", 16}, {"seventeen", 17}, {"eighteen", 18}, {"nineteen", 19}};
const std::map<std::string_view, int> kTens = {{"twenty", 20}, {"thirty", 30},  {"forty", 40},  {"fifty", 50},
                                               {"sixty", 60},  {"seventy", 70}, {"eighty", 80}, {"ninety", 90}};

int value_of(const std::map<std::string_view, int>& names, const Tokens& tokens, size_t at) {
  const auto found = at < tokens.size() && tokens[at].word ? names.find(tokens[at].text) : names.end();
  return found == names.end() ? -1 : found->second;
}

bool is_pronoun(const Tokens& tokens, size_t at) {
  static const Words before = {"no",   "the", "this",    "that",    "which", "each", "every", "another",
                               "some", "any", "another", "someone", "other", "last", "first"};
  static const Words after = {"of", "who", "that", "another", "on", "in", "with", "can", "could", "might", "by"};
  const auto is = [&](size_t i, const Words& words) {
    return i < tokens.size() && tokens[i].word && words.contains(tokens[i].text);
  };
  return (at > 0 && is(at - 1, before)) || is(at + 1, after);
}

}  // namespace

Tokens with_digits(const Tokens& tokens) {
  Tokens out;
  for (size_t at = 0; at < tokens.size(); ++at) {
    Token token = tokens[at];
    const int tens = value_of(kTens, tokens, at), unit = value_of(kUnits, tokens, at);
    const size_t next = at + (at + 1 < tokens.size() && tokens[at + 1].text == "-" ? 2 : 1);
    const int below_ten = tens < 0 ? -1 : value_of(kUnits, tokens, next);
    if (below_ten > 0 && below_ten < 10) {
      token.text = std::to_string(tens + below_ten);
      at = next;
    } else if (tens >= 0) {
      token.text = std::to_string(tens);
    } else if (unit >= 0 && !(unit == 1 && is_pronoun(tokens, at))) {
      token.text = std::to_string(unit);
    }
    out.push_back(std::move(token));
  }
  return out;
}

bool counts(const Token& token) {
  static const Words words = {"hundred", "hundreds", "thousand", "thousands", "million", "millions", "billion",
                              "dozen",   "dozens",   "half",     "quarter",   "several", "many",     "few"};
  return is_number(token) || (token.word && words.contains(token.text));
}

}  // namespace rrpo::rows
