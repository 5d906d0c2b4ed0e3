// What the authors' training code makes of a conversation, where it differs from ours (`--compat official`).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/text/span.h"
#include "rrpo/text/tokenizer.h"

namespace rrpo::text {

/// An answer as their code reads it: the text's tokens, end of turn and the newline after it, all of them labels. The marks
/// come from a second tokenisation, of the tagged text, in which each tag is one token that goes with a space token beside
/// it. What is left must be the plain text's tokens, or as many tokens of which each differing run has one mark; if it is
/// not, no token is marked.
struct OfficialAnswer {
  AnswerIds answer;
  std::string unmarked;  ///< why no token is marked; empty when one is
};

/// Throws Error(input) naming `place` for an answer that begins with a line break, which their code would tokenise together
/// with the end of the prompt, and Error(usage) for a tokenizer without the tokens that they need. (Source:
/// preprocess_masked, process_masked_tokens and preprocess_qwen of train_llavavideo.py.)
OfficialAnswer official_answer(const Tokenizer& tokenizer, const MarkedText& answer, std::string_view place);

/// Which of a prompt's ids their code has as labels too: every newline, <|im_start|> and <|im_end|> and, with `to_answer`
/// (the ids end where the answer begins), the header of the answer's turn. Places in `ids`, in order.
std::vector<int64_t> official_labels(const Tokenizer& tokenizer, const std::vector<int64_t>& ids, bool to_answer);

}  // namespace rrpo::text
