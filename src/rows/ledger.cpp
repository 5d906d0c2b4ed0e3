#include "rrpo/rows/ledger.h"

namespace rrpo::rows {

Json Ledger::record(const std::string& id, const std::string& state, const std::string& reason) {
  ++total_;
  ++states_[state];
  Json line = {{"id", id}, {"state", state}};
  if (!reason.empty()) line["reason"] = reason;
  return line;
}

Json Ledger::json() const {
  Json states = Json::object();
  for (const auto& [state, count] : states_) states[state] = count;
  return {{"total", total_}, {"states", states}};
}

}  // namespace rrpo::rows
