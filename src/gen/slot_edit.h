// Exchanging the values of slots in a sentence, and where everything else stands afterwards.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/question.h"

namespace rrpo::gen {

/// `value` in the place of `slot` of the answer.
struct SlotEdit {
  size_t slot = 0;
  std::string value;
};

/// The answer with the edits (in the slots' order) made, and the marked phrases of both texts: the key phrase that an edited
/// slot lies in, or the slot.
struct EditedAnswer {
  text::MarkedText before, after;
};
EditedAnswer edit_slots(const rows::Question& question, const std::vector<SlotEdit>& edits);

/// Phrases of the answer that hold these slots: sorted, each once.
std::vector<text::ByteRange> phrases_of(const rows::Question& question, const std::vector<size_t>& slots);

/// `value` of a slot written as the answer writes it: behind a style the first letter may be a small one.
std::string written(const rows::Question& question, const rows::Slot& slot, std::string value);

/// The first byte of the text behind the style and the blanks after it; a response may do without the style.
int64_t body_begin(const rows::Question& question, std::string_view text);

/// Where the values `found` stand in a response that has the form of the answer; empty when they do not.
std::vector<text::ByteRange> slots_in(const rows::Question& question, const std::vector<std::string>& found,
                                      std::string_view response);

}  // namespace rrpo::gen
