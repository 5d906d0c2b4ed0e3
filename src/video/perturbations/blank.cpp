// Whole frames under one colour.
#include <algorithm>

#include "entries.h"
#include "fill.h"
#include "some_frames.h"

namespace rrpo::video {
namespace {

struct BlankConfig {
  std::string name = "blank";
  std::vector<double> share = {0.25, 0.5};
  Json fill = "mean";

  template <class V>
  void fields(V& v) {
    v("name", name, "blank");
    v("share", share, "share of the frames that is covered, drawn uniformly between two numbers");
    v("fill", fill, kFillHelp);
  }
  void check(const std::string& at) const {
    check_share(at + ".share", share);
    check_fill(at + ".fill", fill);
  }
};

Frames apply_blank(const BlankConfig& config, const Frames& frames, Random& random) {
  const Colour colour = fill_colour(config.fill, frames);
  const std::vector<bool> covered = draw_frames(config.share, frames.count, frames.count, random);
  Frames out = frames;
  for (int64_t i = 0; i < out.count; ++i) {
    if (!covered[static_cast<size_t>(i)]) continue;
    for (uint8_t* to = out.frame(i); to < out.frame(i) + out.frame_bytes(); to += 3)
      std::copy(colour.begin(), colour.end(), to);
  }
  return out;
}

}  // namespace

Perturbation blank_row() { return perturbation_row<BlankConfig>("cover whole frames with one colour", apply_blank); }

}  // namespace rrpo::video
