// Is a response right, wrong, or not to be judged? Pure functions of texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/question.h"

namespace rrpo::rows {

enum class Verdict { right, wrong, unparsable };
const char* verdict_name(Verdict verdict);

/// A judged response: what was read out of it, slot by slot where the question has slots (else one value).
struct Judged {
  Verdict verdict = Verdict::unparsable;
  std::vector<std::string> expected;  ///< one value per slot; for mcq the option's key; for yesno `yes` or `no`
  std::vector<std::string> found;     ///< the same, from the response; empty when unparsable
  std::string reason;                 ///< why it is unparsable
};

/// mcq: the option's letter (`(A)`, `A.`, `A)`, bare, or an option's text; two different ones are unparsable).
/// yesno: the first word. Rows with slots (mcq and yesno apart): the response must match the answer without its style, each
/// slot free over its values. short: equal after case folding and punctuation. open without slots: unparsable here.
/// A response may or may not begin with the question's style; the case of the letter after it is free.
Judged judge(const Question& question, std::string_view response);

/// The entry of `slot.values` that stands in the answer, empty when none does.
std::string true_value(const Question& question, const Slot& slot);

}  // namespace rrpo::rows
