// Finding a name in a list of names, and the nearest one when it is not there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rrpo {

/// The entry of `names` with the least edit distance to `name`, or an empty string when none is within two edits or a third
/// of its length.
std::string nearest(std::string_view name, const std::vector<std::string>& names);

/// `a, b, c`.
std::string join(const std::vector<std::string>& parts, std::string_view separator = ", ");

/// The row of `rows` whose `name` member equals `name`, or nullptr.
template <class Row>
const Row* find_row(const std::vector<Row>& rows, std::string_view name) {
  for (const Row& row : rows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

/// The names of all rows, in order.
template <class Row>
std::vector<std::string> row_names(const std::vector<Row>& rows) {
  std::vector<std::string> names;
  for (const Row& row : rows) names.emplace_back(row.name);
  return names;
}

}  // namespace rrpo
