// Which of the possible pairs are kept. Pure, and independent of their order.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace rrpo::gen {

/// A pair that could be written.
struct Candidate {
  std::string id;
  std::string format;
  std::string truth{};  ///< yesno: `yes` or `no`; mcq: the key of the true option; else empty
  int64_t options = 0;  ///< mcq: how many there are
};

enum class Selection { kept, dropped_balance, dropped_limit };

struct SelectRules {
  bool balance_yesno = true;                ///< as many yesno pairs whose true answer is yes as no
  bool balance_letters = false;             ///< as many mcq pairs for each true letter, among those of as many options
  std::map<std::string, int64_t> limits{};  ///< by format: at most so many; balanced formats: so many over all truths
  uint64_t seed = 0;
};

/// One entry per candidate. What is dropped is a function of seed and ids: the candidates whose hash is largest. Letters
/// that are never true do not count; where yes or no is never true, the other is balanced to nothing.
std::vector<Selection> select(const std::vector<Candidate>& candidates, const SelectRules& rules);

}  // namespace rrpo::gen
