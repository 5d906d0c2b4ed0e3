// Where a reply says that it answers: `The answer is …`, `… is correct`, `I choose …`.
#pragma once

#include <vector>

#include "clauses.h"

namespace rrpo::rows {

/// The tokens that a statement gives as the answer.
struct Statement {
  Span span;
  bool final = false;  ///< `Final answer: …`
};

/// Statements of a text whose names of answers are taken, in its order. One that denies or doubts is none.
std::vector<Statement> statements_of(const Text& text);

/// True when words that take back (`wait`, `actually`, `no,`) stand between `from` and `to`.
bool takes_back(const Text& text, size_t from, size_t to);

}  // namespace rrpo::rows
