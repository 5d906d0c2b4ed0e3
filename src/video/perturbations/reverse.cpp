// The clip backwards: every frame is there, every motion is the opposite one.
#include "entries.h"

namespace rrpo::video {
namespace {

struct ReverseConfig {
  std::string name = "reverse";

  template <class V>
  void fields(V& v) {
    v("name", name, "reverse");
  }
};

Frames apply_reverse(const ReverseConfig&, const Frames& frames, Random&) {
  std::vector<int64_t> order;
  for (int64_t i = frames.count - 1; i >= 0; --i) order.push_back(i);
  return reordered(frames, order);
}

}  // namespace

Perturbation reverse_row() {
  Perturbation row = perturbation_row<ReverseConfig>("play the frames backwards", apply_reverse);
  row.random = false;
  return row;
}

}  // namespace rrpo::video
