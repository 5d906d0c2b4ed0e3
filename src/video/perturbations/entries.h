// The entries of the table of perturbations, one file each.
#pragma once

#include "rrpo/video/perturbation.h"

namespace rrpo::video {

Perturbation mask_row();
Perturbation shuffle_local_row();
Perturbation shuffle_global_row();
Perturbation reverse_row();
Perturbation drop_row();
Perturbation blank_row();

/// Frame order[i] at place i (a frame may come twice); `index` follows the frames, `time_s` stays.
Frames reordered(const Frames& frames, const std::vector<int64_t>& order);

}  // namespace rrpo::video
