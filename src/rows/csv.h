// Tables in CSV as rows: what `rrpo-gen import` reads beside JSON.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/row_reader.h"

namespace rrpo::rows {

/// Calls `row(object, place)` for each record of `text`, the content of `file`: RFC 4180 with commas, the first record names
/// the columns, every cell is a text, `place` = `file:line` of its first line. A record of another width than the header,
/// with a quote that is not closed, or with bytes that are no UTF-8, goes to `bad`. Throws Error(input, "data") for a header
/// with two columns of one name, Stopped between two records when a stop was asked for.
void each_csv_row(std::string_view text, const std::string& file, std::vector<BadRow>& bad,
                  const std::function<void(const Json&, const std::string&)>& row);

}  // namespace rrpo::rows
