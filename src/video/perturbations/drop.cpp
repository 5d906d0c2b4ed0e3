// Frames are lost, as on a bad line: the picture before stays in their place.
#include "entries.h"
#include "some_frames.h"

namespace rrpo::video {
namespace {

struct DropConfig {
  std::string name = "drop";
  std::vector<double> share = {0.25, 0.5};

  template <class V>
  void fields(V& v) {
    v("name", name, "drop");
    v("share", share, "share of the frames that is lost, drawn uniformly between two numbers; one frame stays");
  }
  void check(const std::string& at) const { check_share(at + ".share", share); }
};

// A lost frame shows the nearest one before it that is there; those before the first one that is there show that one.
Frames apply_drop(const DropConfig& config, const Frames& frames, Random& random) {
  const std::vector<bool> lost = draw_frames(config.share, frames.count, frames.count - 1, random);
  int64_t shown = 0;
  while (lost[static_cast<size_t>(shown)]) ++shown;
  std::vector<int64_t> order;
  for (int64_t i = 0; i < frames.count; ++i) {
    if (!lost[static_cast<size_t>(i)]) shown = i;
    order.push_back(shown);
  }
  return reordered(frames, order);
}

}  // namespace

Perturbation drop_row() {
  return perturbation_row<DropConfig>("lose frames: the one before stays in their place", apply_drop);
}

}  // namespace rrpo::video
