#include "rrpo/rows/similarities.h"

#include <algorithm>

#include "rrpo/rows/row_reader.h"

namespace rrpo::rows {

Similarities Similarities::read(const std::filesystem::path& file) {
  Similarities out;
  each_row(read_file(file, "data"), file.string(), nullptr, [&](const Json& json, const std::string& place) {
    RowReader row(json, place);
    std::string a = row.text("a", /*may_be_empty=*/true), b = row.text("b", /*may_be_empty=*/true);
    const std::optional<double> value = row.number("similarity");
    if (!value || *value < -1.001 || *value > 1.001) row.fail("similarity", "is no cosine", "give a number from -1 to 1");
    out.known_[std::minmax(a, b)] = *value;
  });
  return out;
}

std::optional<double> Similarities::of(const std::string& a, const std::string& b) const {
  if (a == b) return 1;
  const auto found = known_.find(std::minmax(a, b));
  return found == known_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace rrpo::rows
