// The true sentence as a language model rewrites it, having named the key differences.
#include <utility>

#include "../slot_edit.h"
#include "../two_turns.h"
#include "rows.h"
#include "rrpo/text/diff.h"

namespace rrpo::gen {
namespace {

Rewritten none(std::string reason) { return {{}, {}, std::move(reason)}; }

Rewritten rewrite_by_llm(const rows::Question& question, const rows::Judged&, std::string_view response,
                         const LlmFields& llm, judge::Dialogue& dialogue) {
  const auto differences = dialogue.say(1, difference_prompt(question.answer, io::spoken(response)));
  if (!differences) return {};
  const Differences read = read_differences(*differences);
  if (read == Differences::none) return none("the language model sees no key difference");
  if (read == Differences::unclear) return none(kUnclear);
  const auto revised = dialogue.say(2, rewrite_prompt(question.answer));
  if (!revised) return {};
  Revision revision = read_revision(llm, question.answer, body_begin(question, question.answer), response, *revised);
  if (!revision.reason.empty()) return none(std::move(revision.reason));
  const std::string& text = revision.text;
  if (rows::judge(question, text).verdict == rows::Verdict::right) return none("the rewritten answer is right");
  text::WordDifference words =
      text::differing_words(question.answer, text, body_begin(question, question.answer), body_begin(question, text));
  if (words.a.empty() && words.b.empty()) return none("no word differs");
  return {{question.answer, std::move(words.a)}, {text, std::move(words.b)}, ""};
}

}  // namespace

Rewrite rewrite_llm_row() {
  return {"llm", "as a language model (gen.llm.*) rewrites the true sentence, in two turns; slots for other formats", true,
          rewrite_by_llm};
}

}  // namespace rrpo::gen
