// Numbers in words and in digits are one.
#pragma once

#include "words.h"

namespace rrpo::rows {

/// `two` becomes `2`, `twenty-one` `21`. `one` stays a word where it is a pronoun (`no one`, `the one on the left`).
Tokens with_digits(const Tokens& tokens);

/// True for a number, and for a word that makes one of it: `million`, `dozen`, `half`.
bool counts(const Token& token);

}  // namespace rrpo::rows
