// A text as words and punctuation: what the readings of replies look at.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rrpo::rows {

/// A word, or one character of punctuation.
struct Token {
  std::string text;      ///< folded; full width and circled letters as plain ones, quotation marks and dashes as ASCII
  bool word = false;     ///< letters, digits and marks; a number with its sign, points and commas; `don't`
  bool glued = false;    ///< nothing stands between it and the token before
  bool line = false;     ///< the first of its line
  bool capital = false;  ///< a word that begins with a capital letter
};
using Tokens = std::vector<Token>;

/// Emphasis (`**`, `` ` ``, `_` around words), headings, bullets, LaTeX commands and dollar signs around formulas are no
/// tokens.
Tokens tokens_of(std::string_view text);

/// `tokens` without punctuation that says nothing (`. , ! ? ; : " '` and brackets) at both ends.
Tokens trimmed(Tokens tokens);

bool is_punctuation(const Token& token, std::string_view characters);
/// True for a word in digits.
bool is_number(const Token& token);
int64_t count_words(const Tokens& tokens);
/// Words and signs, one blank between them: `two red cars`, `c + +`. Punctuation that says nothing and hyphens are left out.
std::string said_words(const Tokens& tokens);

/// True when `phrase` stands at `at` of `tokens` and is not cut out of a longer word (`left` of `left-handed`, `C` of
/// `C++`).
bool stands_at(const Tokens& tokens, size_t at, const Tokens& phrase);

using Words = std::set<std::string_view>;

}  // namespace rrpo::rows
