// Frames in any order: the course of the clip is lost.
#include <algorithm>

#include "entries.h"

namespace rrpo::video {
namespace {

struct ShuffleGlobalConfig {
  std::string name = "shuffle_global";

  template <class V>
  void fields(V& v) {
    v("name", name, "shuffle_global");
  }
};

Frames apply_shuffle(const ShuffleGlobalConfig&, const Frames& frames, Random& random) {
  std::vector<int64_t> order;
  do {
    order = random.permutation(frames.count);
  } while (frames.count > 1 && std::is_sorted(order.begin(), order.end()));
  return reordered(frames, order);
}

}  // namespace

Perturbation shuffle_global_row() { return perturbation_row<ShuffleGlobalConfig>("reorder all frames", apply_shuffle); }

}  // namespace rrpo::video
