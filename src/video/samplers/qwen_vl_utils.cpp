#include "entries.h"
#include "spacing.h"

namespace rrpo::video {
namespace {

// The original refuses a single frame.
std::vector<int64_t> pick(const Sequence& all, const SamplingFields& fields) {
  return torch_spread(all.count, qwen_pairs(all, fields));
}

}  // namespace

// The readers of qwen-vl-utils 0.0.14.
Sampler qwen_vl_utils_sampler() {
  return {.name = "qwen_vl_utils",
          .help =
              "F = duration*sample_fps (2 by default) between 4 and 768 (max_frames), even; round of linspace(0, n-1, F): "
              "qwen-vl-utils",
          .by_rate = true,
          .pick = pick};
}

}  // namespace rrpo::video
