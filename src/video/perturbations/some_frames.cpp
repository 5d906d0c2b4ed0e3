#include "some_frames.h"

#include <algorithm>
#include <cmath>

#include "rrpo/util/fields.h"

namespace rrpo::video {

void check_share(const std::string& at, const std::vector<double>& share) {
  if (share.size() == 2 && share[0] > 0 && share[0] <= share[1] && share[1] <= 1) return;
  bad_field(at, "needs two rising numbers in (0, 1]", "\"share\": [0.25, 0.5]");
}

std::vector<bool> draw_frames(const std::vector<double>& share, int64_t count, int64_t most, Random& random) {
  const double wanted = random.uniform(share[0], share[1]) * static_cast<double>(count);
  const int64_t number = std::min(std::max<int64_t>(std::lround(wanted), 1), most);
  const std::vector<int64_t> order = random.permutation(count);
  std::vector<bool> taken(static_cast<size_t>(count), false);
  for (int64_t i = 0; i < number; ++i) taken[static_cast<size_t>(order[static_cast<size_t>(i)])] = true;
  return taken;
}

}  // namespace rrpo::video
