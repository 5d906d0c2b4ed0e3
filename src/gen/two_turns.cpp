#include "two_turns.h"

#include "rrpo/text/unicode.h"

namespace rrpo::gen {

std::string difference_prompt(std::string_view truth, std::string_view response) {
  return "Identify the key differences between these two sentences.\n"
         "To identify differences focus on the key aspects in the sentences, \n"
         "such as objects, actions, and their attributes, among others.\n"
         "If there are no key difference between these two sentences, \n"
         "please respond with \"None\" and nothing else.\n"
         "\n"
         "Sentence 1: " +
         std::string(truth) + "\nSentence 2: " + std::string(response);
}

std::string rewrite_prompt(std::string_view truth) {
  return "Please rewrite the \"Sentence 1\" by incorporating the differences you \n"
         "mentioned earlier. Your final response should contain only the revised \n"
         "sentence and nothing else.\n"
         "\n"
         "Sentence 1: " +
         std::string(truth);
}

Differences read_differences(std::string_view reply) {
  constexpr std::string_view kAround = " \t\r\n\"'`*_.", kWord = "none";
  const std::string text = text::fold_case(reply);
  const size_t begin = text.find_first_not_of(kAround);
  if (begin == std::string::npos || !std::string_view(text).substr(begin).starts_with(kWord)) return Differences::some;
  const std::string_view rest = std::string_view(text).substr(begin + kWord.size());
  if (rest.find_first_not_of(kAround) == std::string_view::npos) return Differences::none;
  const bool ends = rest.find_first_of("\"'`*.,;:!\r\n") == 0;
  return ends ? Differences::unclear : Differences::some;  // "None of …" is an enumeration of differences
}

}  // namespace rrpo::gen
