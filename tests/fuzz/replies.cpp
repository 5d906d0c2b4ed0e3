// What a model says to a question, read by every scorer. The first line is the row of a question, the rest the reply; where
// it is none, all of it is a reply to a question of each format.
#include "fuzz.h"
#include "rrpo/rows/question.h"
#include "rrpo/rows/scorer.h"

using namespace rrpo;  // NOLINT: a program

namespace {

const char* const kQuestions[] = {
    R"({"id":"a","video":"v","question":"Which?","answer":"B","format":"mcq","options":[{"key":"A","text":"a red circle"},{"key":"B","text":"a blue square"}]})",
    R"({"id":"b","video":"v","question":"Is it?","answer":"yes","format":"yesno"})",
    R"({"id":"c","video":"v","question":"What?","answer":"The red object is a circle.","format":"short","slots":[{"span":[20,26],"values":["circle","square"]}]})",
    R"({"id":"d","video":"v","question":"What?","answer":"circle","format":"short"})",
    R"({"id":"e","video":"v","question":"What?","answer":"A circle moves.","format":"open"})",
};

void score(const std::string& row, std::string_view reply) {
  fuzz::tolerate([&] {
    const rows::Question question = rows::parse_question(parse_json(row, "data", "fuzz"), "fuzz");
    for (const rows::Scorer& scorer : rows::scorers()) scorer.apply(question, reply);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const size_t line = text.find('\n');
  if (text.starts_with('{') && line != std::string_view::npos) {
    score(std::string(text.substr(0, line)), text.substr(line + 1));
  } else {
    for (const char* row : kQuestions) score(row, text);
  }
  return 0;
}
