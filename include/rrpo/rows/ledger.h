// Every row ends in exactly one state; the states add up to the number of rows.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "rrpo/util/json_file.h"

namespace rrpo::rows {

/// Counts of final states, kept while a ledger file is written: `{"id": …, "state": …, "reason": …}` per line.
class Ledger {
 public:
  /// Counts one row and returns its line.
  Json record(const std::string& id, const std::string& state, const std::string& reason = "");
  int64_t total() const { return total_; }
  const std::map<std::string, int64_t>& states() const { return states_; }
  Json json() const;

 private:
  int64_t total_ = 0;
  std::map<std::string, int64_t> states_;
};

}  // namespace rrpo::rows
