// Regular expressions of Python's `re`, as far as names of modules need them.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rrpo {

/// A parsed expression: literals, `.`, classes, \d \w \s and their opposites, groups (named or not), `|`, the quantifiers
/// `* + ? {m,n}`, anchors ^ and $, lookaheads. Works on bytes. Adapters come from strangers: a match may take a bounded
/// number of steps only.
class Pattern {
 public:
  /// Nothing, and `problem` says why, for text that is not such an expression.
  static std::optional<Pattern> parse(std::string_view text, std::string& problem);

  /// As re.fullmatch(pattern, name) is not None; nothing when finding out takes too many steps.
  std::optional<bool> fullmatch(std::string_view name) const;

  struct Node;

 private:
  std::shared_ptr<const Node> root_;
};

}  // namespace rrpo
