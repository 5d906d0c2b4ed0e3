// The entries of the table of sampling rules, one file each. Each computes in the order of its original's operations:
// doubles rounded elsewhere give another frame now and then.
#pragma once

#include "rrpo/video/sampling.h"

namespace rrpo::video {

Sampler authors_sampler();
Sampler linspace_sampler();
Sampler segment_centre_sampler();
Sampler videochat2_sampler();
Sampler internvl_sampler();
Sampler videomme_v2_sampler();
Sampler fps_sampler();
Sampler fps_capped_official_sampler();
Sampler longvu_segment_sampler();
Sampler longvu_mlvu_sampler();
Sampler lmms_sampler();
Sampler qwen2_5_vl_sampler();
Sampler qwen_vl_utils_sampler();
Sampler qwen3_vl_sampler();

}  // namespace rrpo::video
