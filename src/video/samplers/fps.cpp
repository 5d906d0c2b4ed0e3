#include "entries.h"
#include "spacing.h"

namespace rrpo::video {
namespace {

std::vector<int64_t> pick(const Sequence& all, const SamplingFields& fields) {
  std::vector<int64_t> sampled = every(0, all.count, step_of(all.fps, rate_of(fields)));
  const auto count = static_cast<int64_t>(sampled.size());
  if (fields.max_frames == 0 || count <= fields.max_frames) return sampled;
  std::vector<int64_t> kept = floored(count, fields.max_frames);
  for (int64_t& place : kept) place = sampled[static_cast<size_t>(place)];
  return kept;
}

}  // namespace

// What LongVU's readers of whole videos mean.
Sampler fps_sampler() {
  return {.name = "fps",
          .help = "every round(fps/sample_fps)-th frame; of more than max_frames, evenly so many",
          .by_rate = true,
          .pick = pick};
}

}  // namespace rrpo::video
