#include "entries.h"
#include "spacing.h"

namespace rrpo::video {
namespace {

std::vector<int64_t> pick(const Sequence& all, const SamplingFields& fields) {
  return spread_rounded(all.count, static_cast<int64_t>(qwen_count(all, fields)));
}

}  // namespace

// Qwen3VLVideoProcessor of transformers 5.23.
Sampler qwen3_vl_sampler() {
  return {.name = "qwen3_vl",
          .help =
              "F = int(duration*sample_fps) (2 by default) between 4 and 768 (max_frames); round of linspace(0, n-1, F): "
              "Qwen3-VL in transformers",
          .by_rate = true,
          .pick = pick};
}

}  // namespace rrpo::video
