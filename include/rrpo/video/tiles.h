// A still picture as tiles: as LLaVA takes it ("anyres"), the whole picture squeezed into one square, then the picture
// itself at a resolution of several squares, cut apart; as InternVL does, the picture squeezed to a grid of squares, then
// the whole.
#pragma once

#include <cstdint>
#include <vector>

#include "rrpo/video/frames.h"

namespace rrpo::video {

/// Pixels of a picture.
struct Resolution {
  int64_t height = 0, width = 0;
  bool operator==(const Resolution&) const = default;
};

/// Of `offered` (not empty) the one at which most pixels of a picture survive; of several, the one with the least unused
/// area; of several, the first.
Resolution best_resolution(const std::vector<Resolution>& offered, Resolution picture);

/// One picture to 1 + n squares of `side` pixels: the whole one, its proportions lost, then the tiles of the best resolution
/// row by row, its proportions kept and the rest black. Resized as resize_bicubic does. Every resolution is a multiple of
/// `side`.
Frames cut_tiles(const Frames& picture, const std::vector<Resolution>& offered, int64_t side);

/// Of all grids of `least` to `most` squares of `side` pixels, from the smallest on, the one whose proportions are nearest
/// to the picture's; of several, the last one that has less than twice the picture's area. transformers'
/// GotOcr2ImageProcessor.
Resolution nearest_grid(int64_t side, int64_t least, int64_t most, Resolution picture);

/// One picture squeezed to `grid` and cut into squares of `side` pixels, row by row; with `thumbnail`, the whole one as one
/// more square where they are several.
Frames cut_grid(const Frames& picture, Resolution grid, int64_t side, bool thumbnail);

}  // namespace rrpo::video
