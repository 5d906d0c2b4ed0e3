#include "rrpo/video/sampling.h"

#include "rrpo/util/error.h"
#include "rrpo/util/table.h"
#include "samplers/entries.h"

namespace rrpo::video {

const std::vector<Sampler>& samplers() {
  static const std::vector<Sampler> rows = {
      authors_sampler(),
      linspace_sampler(),
      segment_centre_sampler(),
      videochat2_sampler(),
      internvl_sampler(),
      videomme_v2_sampler(),
      fps_sampler(),
      fps_capped_official_sampler(),
      longvu_segment_sampler(),
      longvu_mlvu_sampler(),
      lmms_sampler(),
      qwen2_5_vl_sampler(),
      qwen_vl_utils_sampler(),
      qwen3_vl_sampler(),
  };
  return rows;
}

const Sampler& sampler(const std::string& rule) {
  if (const Sampler* found = find_row(samplers(), rule)) return *found;
  throw Error(Fault::usage, "video", "sampling: \"" + rule + "\" is not a rule", "one of: " + join(row_names(samplers())));
}

std::vector<int64_t> sample_indices(const std::string& rule, int64_t total, int64_t frames) {
  expect(total > 0, "sample_indices needs at least one frame");
  if (frames < 1) throw Error(Fault::usage, "video", "frames: " + std::to_string(frames) + " is below 1", "video.frames=16");
  return sampler(rule).pick({.count = total}, {.frames = frames});
}

}  // namespace rrpo::video
