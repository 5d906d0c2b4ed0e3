// Comparisons with originals. Each checks its tolerance and leaves a line for docs/parity.md
// (scripts/parity_table.py), so that the table shows what the tests saw.
#pragma once

#include <string>

#include "rrpo/util/json_file.h"

namespace rrpo::test {

/// A row of the table.
struct Comparison {
  std::string part;      ///< of our program
  std::string original;  ///< with its version
  std::string compared;  ///< the values, in words
  double tolerance = 0;  ///< 0: the same bits
};

/// Fails where `difference` exceeds the tolerance or is no number. `where` names the place in a failure.
void expect_parity(const Comparison& comparison, double difference, const std::string& where = "");

/// The same for values that are equal or not.
inline void expect_same(Comparison comparison, bool same, const std::string& where = "") {
  comparison.tolerance = 0;
  expect_parity(comparison, same ? 0 : 1, where);
}

/// "transformers 5.23.0" from the `versions` of a golden file.
inline std::string original(const Json& golden, const std::string& package) {
  return package + " " + golden.at("versions").at(package).get<std::string>();
}

}  // namespace rrpo::test
