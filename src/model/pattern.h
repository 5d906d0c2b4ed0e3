// Regular expressions of Python's `re`, for the names of modules in adapter_config.json.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace rrpo::model {

/// An expression of Python's `re` over text in UTF-8, matched by PCRE2. Adapters come from strangers: a match has bounds on
/// its steps and its memory.
class Pattern {
 public:
  /// Nothing, and `problem` says why, for text that is not such an expression.
  static std::optional<Pattern> parse(std::string_view text, std::string& problem);

  /// As re.fullmatch(pattern, name) is not None; nothing when finding out takes too many steps.
  std::optional<bool> fullmatch(std::string_view name) const;

 private:
  std::shared_ptr<const void> code_;
};

}  // namespace rrpo::model
