// A still picture as tiles ("anyres"): the whole picture squeezed into one square, then the picture itself at a resolution
// of several squares, cut apart.
#pragma once

#include <cstdint>
#include <vector>

#include "rrpo/video/frames.h"

namespace rrpo::video {

/// Pixels of a picture.
struct Resolution {
  int64_t height = 0, width = 0;
};

/// Of `offered` (not empty) the one at which most pixels of a picture survive; of several, the one with the least unused
/// area; of several, the first.
Resolution best_resolution(const std::vector<Resolution>& offered, Resolution picture);

/// One picture to 1 + n squares of `side` pixels: the whole one, its proportions lost, then the tiles of the best resolution
/// row by row, its proportions kept and the rest black. Resized as resize_bicubic does. Every resolution is a multiple of
/// `side`.
Frames cut_tiles(const Frames& picture, const std::vector<Resolution>& offered, int64_t side);

}  // namespace rrpo::video
