// Rows and columns as aligned text for a terminal, or as Markdown.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace rrpo::report {

/// A table of texts. A column whose cells are all numbers (a trailing % or ± part allowed) or empty stands right, others
/// left.
struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< a row may be shorter than the header: the rest is empty
};

/// True for each column that stands right.
std::vector<bool> right_columns(const Table& table);

/// Columns two spaces apart, a rule under the header; ends with a newline. Widths count characters, not bytes.
std::string text_table(const Table& table);

/// A pipe table; `|` and line breaks in cells are escaped.
std::string markdown_table(const Table& table);

/// `value` with `digits` decimals; `-` when it is not finite.
std::string fixed(double value, int digits);

/// `value` with about `digits` significant digits and no trailing zeros: 0.0123, 5e-06, 12300.
std::string compact(double value, int digits = 4);

/// A duration in words: `0.8 s`, `42 s`, `3 min 05 s`, `2 h 07 min`.
std::string duration(double seconds);

/// A whole number in groups of three: `12,345`.
std::string grouped(int64_t value);

}  // namespace rrpo::report
