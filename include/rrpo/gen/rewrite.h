// From a wrong response to the rejected answer, with the differing phrases marked on both sides. Pure: what a language model
// says comes from a dialogue.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rrpo/gen/config.h"
#include "rrpo/judge/dialogue.h"
#include "rrpo/rows/answer.h"
#include "rrpo/rows/question.h"
#include "rrpo/text/span.h"

namespace rrpo::gen {

/// Both sides of a pair, or the reason why there is none.
struct Rewritten {
  text::MarkedText chosen, rejected;
  std::string reason;  ///< empty when there is a pair
};

/// A row of the table of rewrites. `judged` is the judge's reading of `response`, which is wrong. Where the dialogue is
/// silent afterwards the result says nothing.
struct Rewrite {
  std::string name;
  std::string help;
  bool asks;  ///< a language model, about the formats of gen.llm.formats
  Rewritten (*apply)(const rows::Question& question, const rows::Judged& judged, std::string_view response,
                     const LlmFields& llm, judge::Dialogue& dialogue);
};

/// slots: the true sentence, style included, with the phrases that the model got wrong: slot values; for mcq letter and text
/// of the option that it chose; for yesno the other value of each slot that says yes or no; for short answers without slots
/// the response itself in the place of the answer. The judge must find the same in it as in the response.
/// raw: the response as it is.
/// llm: the true sentence as a language model rewrites it, asked for the key differences first (the paper's two turns;
/// source: docs/DATA.md of the authors' repository); the words that differ are marked. No key difference, no pair. A
/// differing slot is marked with the whole key phrase (`spans` of the question) that it lies in; where there are no slots,
/// the differing words are.
const std::vector<Rewrite>& rewrites();

/// `answer`, the true one about another clip, with the phrases marked in which it says another thing than the question's
/// own: as `slots` marks a rejected answer where it is that sentence, else the words that differ.
text::MarkedText mark_other(const rows::Question& question, const std::string& answer);

/// The row for questions of a format: gen.rewrite, or the first one for a format that is not in gen.llm.formats.
const Rewrite& rewrite_of(const GenFields& gen, const std::string& format);

}  // namespace rrpo::gen
