// Marked phrases of an answer: byte ranges of its text, and which tokens they mark.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/text/tokenizer.h"

namespace rrpo::text {

/// An answer and its marked phrases: sorted, disjoint, non-empty ranges on character borders.
struct MarkedText {
  std::string text;
  std::vector<ByteRange> spans;
  std::string tagged{};  ///< the text with its `<MASK>` tags where that is not `with_mask_tags`, else empty
};

/// Throws Error(input, "data") naming `place` when the spans are unsorted, overlap, leave the text or cut a character.
void check_spans(const MarkedText& marked, std::string_view place);

/// Reads `<MASK> phrase </MASK>` tags out of a text: each tag goes with one adjoining space. `plain` is the untagged text
/// that the result must reproduce, byte for byte. Tags with nothing between them mark nothing. Throws Error(input) on an
/// unclosed, unopened or nested tag, or a mismatch.
MarkedText parse_mask_tags(std::string_view tagged, std::string_view plain, std::string_view place);
/// The same where no plain text is known: an opening tag takes the space after it along, a closing one that before it, and
/// an empty phrase one of the spaces that it stands between.
MarkedText parse_mask_tags(std::string_view tagged, std::string_view place);
bool has_mask_tags(std::string_view text);

/// The text with each span as `<MASK> phrase </MASK>`, one space inside each tag, as the authors document it.
std::string with_mask_tags(const MarkedText& marked);

/// An answer as the model writes it: the tokens of the text with `answer_end` behind it, and one end-of-turn. `phrase[i]` is
/// the 1-based number of the span that marks token i, 0 outside: a token is marked when one of its non-space bytes lies in
/// the span; end-of-turn never is.
struct AnswerIds {
  std::vector<int64_t> ids;
  std::vector<int64_t> phrase;
};
AnswerIds encode_answer(const Tokenizer& tokenizer, const MarkedText& answer, int64_t end_of_turn,
                        std::string_view answer_end = {});

}  // namespace rrpo::text
