// Frames change places with near ones: order inside a moment is lost, the course of the clip is kept.
#include <algorithm>

#include "entries.h"

namespace rrpo::video {
namespace {

struct ShuffleLocalConfig {
  std::string name = "shuffle_local";
  int64_t window = 4;

  template <class V>
  void fields(V& v) {
    v("name", name, "shuffle_local");
    v("window", window, "frames of a window");
  }

  void check(const std::string& at) const {
    if (window < 2) bad_field(at + ".window", "must be at least 2", "\"window\": 4");
  }
};

// Each window's order is drawn again until it is not the old one; a last window of one frame stays.
Frames apply_shuffle(const ShuffleLocalConfig& config, const Frames& frames, Random& random) {
  std::vector<int64_t> order;
  for (int64_t begin = 0; begin < frames.count; begin += config.window) {
    const int64_t length = std::min(config.window, frames.count - begin);
    std::vector<int64_t> part;
    do {
      part = random.permutation(length);
    } while (length > 1 && std::is_sorted(part.begin(), part.end()));
    for (const int64_t i : part) order.push_back(begin + i);
  }
  return reordered(frames, order);
}

}  // namespace

Perturbation shuffle_local_row() {
  return perturbation_row<ShuffleLocalConfig>("reorder the frames inside consecutive windows", apply_shuffle);
}

}  // namespace rrpo::video
