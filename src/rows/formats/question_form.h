// Which format a question of another program has: only what is certain is judged by rules.
#pragma once

#include "rrpo/rows/question.h"

namespace rrpo::rows {

/// Sets `format`, and `options` where the question lists them: mcq when lines of the question are options from A on and the
/// answer names one; yesno when the answer is yes or no alone; short when it is a few words that name a thing; else open
/// (what describes, explains or is a sentence: no rule can say that other words are wrong).
void set_form(Question& question);

}  // namespace rrpo::rows
