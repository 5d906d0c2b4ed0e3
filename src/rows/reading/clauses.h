// Is what stands somewhere in a text asserted, denied, asked or doubted?
#pragma once

#include <vector>

#include "words.h"

namespace rrpo::rows {

/// Tokens [begin, end).
struct Span {
  size_t begin = 0, end = 0;
};

enum class Polarity { asserted, denied, asked, doubted };

/// A reply as tokens; `taken` marks those that belong to a name of an answer and therefore neither deny nor doubt nor end a
/// clause.
struct Text {
  Tokens tokens;
  std::vector<bool> taken;

  explicit Text(Tokens all) : tokens(std::move(all)), taken(tokens.size(), false) {}
  void take(const Span& span);
  bool is(size_t at, const Words& words) const;
  bool is_punct(size_t at, std::string_view characters) const;
};

/// How the clause that it stands in puts it: `not B`, `B is wrong` deny; `B?` asks; `maybe B`, `whether B` doubt.
Polarity polarity_of(const Text& text, const Span& span);

/// The first token of the clause of `at`, and the end of it: `. ! ? ; : ,` brackets, quotation marks, a dash between blanks,
/// a new line, `but`, `because` and the like part clauses.
Span clause_of(const Text& text, size_t at);
/// True when a clause begins at `at` (0 to size).
bool begins_clause(const Text& text, size_t at);

/// True when the speaker says somewhere that he does not know.
bool says_unsure(const Text& text);

/// Words that deny.
bool denies(const Token& token);

}  // namespace rrpo::rows
