#include "entries.h"
#include "spacing.h"

namespace rrpo::video {
namespace {

std::vector<int64_t> pick(const Sequence& all, const SamplingFields& fields) {
  std::vector<int64_t> sampled = every(0, all.count, step_of(static_cast<double>(rounded(all.fps)), rate_of(fields)));
  const auto count = static_cast<int64_t>(sampled.size());
  if (fields.max_frames == 0 || count <= fields.max_frames) return sampled;
  std::vector<int64_t> kept;
  for (const int64_t place : every(0, count, count / fields.max_frames)) kept.push_back(sampled[static_cast<size_t>(place)]);
  return kept;
}

}  // namespace

Sampler longvu_mlvu_sampler() {
  return {.name = "longvu_mlvu",
          .help =
              "every round(round(fps)/sample_fps)-th frame; of more than max_frames every (number/max_frames)-th, up to "
              "2*max_frames-1 of them: LongVU on MLVU",
          .by_rate = true,
          .pick = pick};
}

}  // namespace rrpo::video
