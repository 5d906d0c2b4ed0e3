// Which of a clip's frames a perturbation takes away.
#pragma once

#include <string>
#include <vector>

#include "rrpo/util/random.h"

namespace rrpo::video {

/// Throws Error(usage) unless `share` holds two rising numbers in (0, 1].
void check_share(const std::string& at, const std::vector<double>& share);

/// True for the frames that are taken: a share of `count` drawn uniformly between the two numbers, one at least, and at
/// most `most`.
std::vector<bool> draw_frames(const std::vector<double>& share, int64_t count, int64_t most, Random& random);

}  // namespace rrpo::video
