#include "entries.h"
#include "spacing.h"

namespace rrpo::video {
namespace {

std::vector<int64_t> pick(const Sequence& all, const SamplingFields& fields) {
  std::vector<int64_t> sampled = every(0, all.count, step_of(all.fps, rate_of(fields)));
  const auto count = static_cast<int64_t>(sampled.size());
  if (fields.max_frames == 0 || count <= fields.max_frames) return sampled;
  return floored(count, fields.max_frames);  // places in `sampled`, which the originals read as numbers of frames
}

}  // namespace

// LongVU's readers in the authors' repository as they are.
Sampler fps_capped_official_sampler() {
  return {.name = "fps_capped_official",
          .help = "as fps, with the defect of the published LongVU scripts: beyond max_frames only the beginning is seen",
          .by_rate = true,
          .pick = pick};
}

}  // namespace rrpo::video
