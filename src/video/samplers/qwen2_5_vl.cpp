#include "entries.h"
#include "spacing.h"

namespace rrpo::video {
namespace {

// The original fails on a single frame, and where its steps lead one beyond the last.
std::vector<int64_t> pick(const Sequence& all, const SamplingFields& fields) {
  const int64_t count = qwen_pairs(all, fields);
  return torch_range(0, static_cast<double>(all.count) / static_cast<double>(count), count);
}

}  // namespace

// Qwen2VLVideoProcessor of transformers 5.23, asked for frames a second.
Sampler qwen2_5_vl_sampler() {
  return {.name = "qwen2_5_vl",
          .help =
              "F = duration*sample_fps (2 by default) between 4 and 768 (max_frames), even; int(n/F*i): Qwen2.5-VL in "
              "transformers",
          .by_rate = true,
          .pick = pick};
}

}  // namespace rrpo::video
