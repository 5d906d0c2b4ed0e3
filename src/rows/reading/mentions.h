// Where a reply names options.
#pragma once

#include <set>
#include <vector>

#include "clauses.h"
#include "rrpo/rows/question.h"

namespace rrpo::rows {

/// Numbers of options.
using Choices = std::set<size_t>;

struct Mention {
  Span span;
  Choices options;      ///< one; several where options share a text; none for a letter that no option has
  bool by_key = false;  ///< by its letter, else by its text
};

/// All mentions in the order of the text, whose tokens are taken. Of texts that contain one another the longest is named. A
/// letter is a name in brackets, as all that is said, or where a clause begins or a word such as `option` or `is` stands
/// before it, and nothing follows that would make it a word: `A because`, not `A cat`.
std::vector<Mention> mentions_of(const std::vector<Option>& options, Text& text);

/// The values of a list that stand in the text, each with its number: longest first, as above.
std::vector<Mention> phrases_of(const std::vector<Tokens>& phrases, Text& text);

}  // namespace rrpo::rows
