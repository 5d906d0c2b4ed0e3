#include "question_form.h"

#include <algorithm>
#include <array>
#include <optional>

#include "rrpo/rows/answer.h"
#include "rrpo/text/unicode.h"

namespace rrpo::rows {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

/// `A. text`, `(A) text`, `A) text`, `A: text` as an option with the key `letter`.
std::optional<Option> option_line(std::string_view line, char letter) {
  line = trimmed(line);
  const bool bracket = line.starts_with("(");
  if (bracket) line.remove_prefix(1);
  if (line.size() < 3 || line[0] != letter) return std::nullopt;
  const bool closed = bracket ? line[1] == ')' : line[1] == '.' || line[1] == ')' || line[1] == ':';
  if (!closed) return std::nullopt;
  Option option;
  option.key = std::string(1, letter);
  option.text = trimmed(line.substr(2));
  if (option.text.empty()) return std::nullopt;
  return option;
}

/// Lines of a question that are options, A, B, C, … one below the other; fewer than two are none.
std::vector<Option> listed_options(std::string_view question) {
  std::vector<Option> options;
  for (size_t begin = 0; begin < question.size();) {
    const size_t end = std::min(question.find('\n', begin), question.size());
    const std::string_view line = question.substr(begin, end - begin);
    begin = end + 1;
    if (options.size() == 26) break;
    std::optional<Option> option = option_line(line, static_cast<char>('A' + options.size()));
    if (option) {
      options.push_back(std::move(*option));
    } else if (!options.empty() && !trimmed(line).empty()) {
      break;
    }
  }
  return options.size() < 2 ? std::vector<Option>() : options;
}

/// True when the question asks for a description, whose words are free.
bool asks_to_describe(const std::string& question) {
  constexpr std::array kWords = {"describe", "description", "caption",      "explain",           "summarize", "summarise",
                                 "narrate",  "summary",     "write",        "tell me",           "why",       "how do",
                                 "how does", "how did",     "what happens", "what is happening", "provide a"};
  const std::string words = text::plain_words(question);
  return std::any_of(kWords.begin(), kWords.end(), [&](const char* word) { return words.find(word) != std::string::npos; });
}

/// A few words without the form of a sentence.
bool names_a_thing(const std::string& answer) {
  constexpr int64_t kMostWords = 3;
  const std::string words = text::plain_words(answer);
  const int64_t count = std::count(words.begin(), words.end(), ' ') + 1;
  if (words.empty() || count > kMostWords) return false;
  const std::string first = words.substr(0, words.find(' '));
  if (first == "yes" || first == "no" || words.size() == 1) return false;  // a letter alone may be an option
  const size_t end = answer.find_last_not_of(" \t\r\n");
  return count == 1 || std::string_view(".!?").find(answer[end]) == std::string_view::npos;
}

}  // namespace

void set_form(Question& question) {
  question.format = "open";
  const std::string words = text::plain_words(question.answer);
  Question mcq = question;
  mcq.format = "mcq";
  mcq.options = listed_options(question.question);
  if (!mcq.options.empty()) {
    if (judge(mcq, mcq.answer).verdict == Verdict::right) question = std::move(mcq);
    return;
  }
  if (words == "yes" || words == "no") {
    question.format = "yesno";
  } else if (!asks_to_describe(question.question) && names_a_thing(question.answer)) {
    question.format = "short";
  }
}

}  // namespace rrpo::rows
