// The rows of the table of perturbations, one file each.
#pragma once

#include "rrpo/gen/perturbation.h"

namespace rrpo::gen {

Perturbation mask_row();
Perturbation shuffle_local_row();
Perturbation shuffle_global_row();

/// The frames in the order of `order`; `index` follows them, `time_s` stays.
video::Frames reordered(const video::Frames& frames, const std::vector<int64_t>& order);

}  // namespace rrpo::gen
