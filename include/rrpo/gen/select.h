// Which of the possible pairs are kept. Pure, and independent of their order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rrpo::gen {

/// A pair that could be written.
struct Candidate {
  std::string id;
  std::string format;
  bool yes = false;  ///< yesno: the true answer
};

enum class Selection { kept, dropped_balance, dropped_limit };

struct SelectRules {
  bool balance = true;                    ///< as many yesno pairs whose true answer is yes as no
  std::optional<int64_t> max_per_format;  ///< at most so many of one format; balanced yesno: half of each
  uint64_t seed = 0;
};

/// One entry per candidate. What is dropped is a function of seed and ids: the candidates whose hash is largest.
std::vector<Selection> select(const std::vector<Candidate>& candidates, const SelectRules& rules);

}  // namespace rrpo::gen
