// The next token by chance.
#pragma once

#include <cstdint>
#include <vector>

#include "rrpo/util/random.h"

namespace rrpo::policy {

/// How tokens are drawn.
struct Sampling {
  double temperature = 0;       ///< logits are divided by it; 0: always the most likely token
  double top_p = 1;             ///< draws among the fewest most likely tokens that have this probability together
  std::vector<Random> streams;  ///< one per branch, each used once per token; none for temperature 0
};

/// The number of a token drawn from `count` logits with temperature > 0 and 0 < top_p <= 1. Computed in double on one
/// thread; tokens of equal probability are ordered by number. A weight that changes no bit of a sum is not computed.
int64_t draw_token(const float* logits, int64_t count, double temperature, double top_p, Random& random);

}  // namespace rrpo::policy
