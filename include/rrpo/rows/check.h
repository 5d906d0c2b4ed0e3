// Every fault of a file of rows at once: `rrpo-gen check`.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/pair.h"
#include "rrpo/text/tokenizer.h"

namespace rrpo::rows {

struct CheckRules {
  const text::Tokenizer* tokenizer = nullptr;         ///< tells control tokens and counts tokens; nothing without one
  std::function<void(const Media&)> media = nullptr;  ///< throws Error(input) for a medium that is not sound; asked once
  /// Throws Error(input) for perturbations that are not sound; asked once for each view that has some. `at` names the list.
  std::function<void(const View&, const std::string& at)> perturbed = nullptr;
  std::filesystem::path root{};  ///< as of an import
};

/// One fault of one row.
struct RowFault {
  std::string place;  ///< `file:line`
  std::string what, fix;
};

struct CheckedRows {
  int64_t rows = 0, pairs = 0, questions = 0, media = 0;
  int64_t longest_answer = 0;              ///< tokens, 0 without a tokenizer
  std::vector<RowFault> faults;            ///< in the order of the rows
  std::map<std::string, int64_t> notes;    ///< what is no fault but should be known
  std::map<std::string, int64_t> formats;  ///< rows by format; ours are `pair` and `question`
};

/// Reads `text`, the content of `file`, in any format that is ours or that an import reads, and goes on after each fault.
CheckedRows check_rows(std::string_view text, const std::string& file, const CheckRules& rules);

Json check_json(const CheckedRows& checked);

}  // namespace rrpo::rows
