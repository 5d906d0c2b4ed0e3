#include "entries.h"
#include "spacing.h"

namespace rrpo::video {
namespace {

// The bound below which the originals put a missing one (100,000 s) lies beyond any clip: there is none here.
std::vector<int64_t> pick(const Sequence& all, const SamplingFields& fields) {
  const auto [first, last] = bounds_of(all);
  const double segment = static_cast<double>(last - first) / static_cast<double>(fields.frames);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < fields.frames; ++i) {
    const auto offset = static_cast<double>(rounded(segment * static_cast<double>(i)));
    indices.push_back(static_cast<int64_t>(static_cast<double>(first) + segment / 2 + offset));
  }
  return indices;
}

}  // namespace

// `get_index` of the TVBench, MVBench and MLVU readers.
Sampler segment_centre_sampler() {
  return {.name = "segment_centre",
          .help = "the middles of F equal segments, bounds rounded to frames: MVBench, TVBench and MLVU readers",
          .whole = true,
          .pick = pick};
}

}  // namespace rrpo::video
