#include "entries.h"
#include "spacing.h"

namespace rrpo::video {
namespace {

std::vector<int64_t> pick(const Sequence& all, const SamplingFields& fields) {
  std::vector<int64_t> numbers = floored(all.count, fields.frames + 1);
  numbers.erase(numbers.begin());
  return numbers;
}

}  // namespace

// `extract_frames` of the benchmark's script.
Sampler videomme_v2_sampler() {
  return {.name = "videomme_v2", .help = "int(n/(F+1)*(i+1)): Video-MME-v2's script", .pick = pick};
}

}  // namespace rrpo::video
