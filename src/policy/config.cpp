#include <vector>

#include "rrpo/policy/policy.h"
#include "rrpo/util/table.h"

namespace rrpo::policy {

void ModelConfig::check(const std::string& at) const {
  check_choice(at + ".dtype", dtype, {"auto", "float32", "bfloat16"});
  check_choice(at + ".video_pool", video_pool, {"auto", "bilinear", "average", "max"});
  check_choice(at + ".time_instruction", time_instruction, {"off", "line", "paragraph"});
  check_choice(at + ".image", image, {"video", "anyres"});
  check_choice(at + ".positions", positions, {"auto", "transformers5"});
  check_choice(at + ".frozen", frozen, {"plain", "nf4", "sharded", "nf4+sharded"});
  std::vector<std::string> prompts = row_names(text::chat_templates());
  prompts.insert(prompts.begin(), "auto");
  check_choice(at + ".prompt", prompt, prompts);
}

void VideoConfig::check(const std::string& at) const {
  if (frames < 1 || frames > 4096) {
    bad_field(at + ".frames", std::to_string(frames) + " is outside 1 to 4096",
              "give the number of frames that the model sees");
  }
  if (max_memory_mb < 1 || max_memory_mb > 1'048'576) {
    bad_field(at + ".max_memory_mb", std::to_string(max_memory_mb) + " is outside 1 to 1048576", at + ".max_memory_mb=4096");
  }
  check_choice(at + ".sampling", sampling, row_names(video::samplers()));
  if (!(sample_fps >= 0) || sample_fps > 1000) {
    bad_field(at + ".sample_fps", Json(sample_fps).dump() + " is not from 0 to 1000", at + ".sample_fps=1");
  }
  if (max_frames < 0 || max_frames > 65'536)
    bad_field(at + ".max_frames", std::to_string(max_frames) + " is outside 0 to 65536", "0 takes all that the rule gives");
  if (min_pixels < 0 || max_pixels < 0 || (max_pixels > 0 && max_pixels < min_pixels)) {
    bad_field(at + ".max_pixels",
              std::to_string(max_pixels) + " with min_pixels " + std::to_string(min_pixels) + " is no range of pixels",
              "0 takes the processor's");
  }
}

}  // namespace rrpo::policy
