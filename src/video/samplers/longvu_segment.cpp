#include "entries.h"
#include "spacing.h"

namespace rrpo::video {
namespace {

// The last frame of a part is left out, and of a folder always. A folder's step is fixed in the original.
std::vector<int64_t> pick(const Sequence& all, const SamplingFields& fields) {
  constexpr double kFolderFps = 2;
  const bool part = all.start_s || all.end_s || all.is_folder;
  const auto [first, last] = bounds_of(all);
  const int64_t step = step_of(all.fps, all.is_folder ? kFolderFps : rate_of(fields));
  return every(first, part ? last : last + 1, step);
}

}  // namespace

Sampler longvu_segment_sampler() {
  return {.name = "longvu_segment",
          .help = "every round(fps/sample_fps)-th frame of the part without its last: LongVU on MVBench and TVBench",
          .by_rate = true,
          .whole = true,
          .pick = pick};
}

}  // namespace rrpo::video
