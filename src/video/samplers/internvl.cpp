#include "entries.h"
#include "spacing.h"

namespace rrpo::video {
namespace {

// The original refuses more frames than there are; its steps then repeat some.
std::vector<int64_t> pick(const Sequence& all, const SamplingFields& fields) {
  const double step = static_cast<double>(all.count) / static_cast<double>(fields.frames);
  return torch_range(step / 2, step, fields.frames);
}

}  // namespace

// InternVLVideoProcessor of transformers 5.23.
Sampler internvl_sampler() {
  return {.name = "internvl",
          .help = "int(n/F*(i+1/2)): InternVL in transformers; the authors' own reader is segment_centre",
          .pick = pick};
}

}  // namespace rrpo::video
