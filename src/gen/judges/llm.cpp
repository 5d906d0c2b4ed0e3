// A language model is asked for the key differences between the true answer and the response.
#include "../two_turns.h"
#include "rows.h"

namespace rrpo::gen {
namespace {

rows::Judged judge_by_llm(const rows::Question& question, std::string_view response, judge::Dialogue& dialogue) {
  rows::Judged judged = rows::judge(question, response);
  const bool slots_read = judged.verdict == rows::Verdict::wrong && question.format == "short" && !question.slots.empty();
  if (judged.verdict == rows::Verdict::right || slots_read) return judged;
  judged.verdict = rows::Verdict::unparsed;
  const std::string said = io::spoken(response);
  if (said.empty()) {
    judged.reason = "the response says nothing";
    return judged;
  }
  const auto reply = dialogue.say(1, difference_prompt(question.answer, said));
  if (!reply) return judged;
  const Differences differences = read_differences(*reply);
  judged.reason = differences == Differences::unclear ? kUnclear : "";
  if (differences == Differences::none) judged.verdict = rows::Verdict::right;
  if (differences == Differences::some) judged.verdict = rows::Verdict::wrong;
  return judged;
}

}  // namespace

Judge judge_llm_row() {
  return {"llm", "a language model (gen.llm.*) is asked for key differences; None is right; the rules for other formats",
          true, judge_by_llm};
}

}  // namespace rrpo::gen
