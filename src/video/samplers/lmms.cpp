#include "entries.h"
#include "spacing.h"

namespace rrpo::video {
namespace {

std::vector<int64_t> pick(const Sequence& all, const SamplingFields& fields) {
  std::vector<int64_t> sampled = every(0, all.count, step_of(all.fps, rate_of(fields)));
  if (fields.max_frames == 0 || static_cast<int64_t>(sampled.size()) <= fields.max_frames) return sampled;
  return spread(all.count, fields.max_frames);
}

}  // namespace

Sampler lmms_sampler() {
  return {.name = "lmms",
          .help =
              "every round(fps/sample_fps)-th frame; if these are more than max_frames, int of linspace(0, n-1, "
              "max_frames): llava_vid of lmms-eval",
          .by_rate = true,
          .pick = pick};
}

}  // namespace rrpo::video
