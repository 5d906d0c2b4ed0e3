#include "rrpo/video/tiles.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "rrpo/util/error.h"
#include "rrpo/video/transform.h"

namespace rrpo::video {

namespace {

/// The picture's size when it fills `room` in one direction, the other rounded up.
Resolution fitted(Resolution picture, Resolution room) {
  const auto height = static_cast<double>(picture.height), width = static_cast<double>(picture.width);
  const double across = static_cast<double>(room.width) / width, down = static_cast<double>(room.height) / height;
  if (across < down) return {std::min(static_cast<int64_t>(std::ceil(height * across)), room.height), room.width};
  return {room.height, std::min(static_cast<int64_t>(std::ceil(width * down)), room.width)};
}

/// Rows of `from` copied into `to` at (top, left).
void paste(const Frames& from, Frames& to, int64_t top, int64_t left) {
  for (int64_t y = 0; y < from.height; ++y) {
    const uint8_t* row = from.frame(0) + y * from.width * 3;
    std::copy_n(row, from.width * 3, to.frame(0) + ((top + y) * to.width + left) * 3);
  }
}

/// The squares of one picture behind the pictures of `tiles`, row by row.
void append_squares(const Frames& picture, int64_t side, Frames& tiles) {
  for (int64_t top = 0; top < picture.height; top += side) {
    for (int64_t left = 0; left < picture.width; left += side) {
      for (int64_t y = top; y < top + side; ++y) {
        const uint8_t* row = picture.frame(0) + (y * picture.width + left) * 3;
        tiles.rgb.insert(tiles.rgb.end(), row, row + side * 3);
      }
      ++tiles.count;
    }
  }
  tiles.time_s.resize(static_cast<size_t>(tiles.count), picture.time_s.empty() ? 0 : picture.time_s[0]);
  tiles.index.resize(static_cast<size_t>(tiles.count), picture.index.empty() ? 0 : picture.index[0]);
}

}  // namespace

Resolution best_resolution(const std::vector<Resolution>& offered, Resolution picture) {
  expect(!offered.empty() && picture.height > 0 && picture.width > 0, "a choice among no resolutions");
  Resolution best;
  int64_t most = 0, least_waste = 0;
  for (const Resolution& one : offered) {
    const double scale = std::min(static_cast<double>(one.width) / static_cast<double>(picture.width),
                                  static_cast<double>(one.height) / static_cast<double>(picture.height));
    const auto height = static_cast<int64_t>(static_cast<double>(picture.height) * scale);
    const auto width = static_cast<int64_t>(static_cast<double>(picture.width) * scale);
    const int64_t kept = std::min(height * width, picture.height * picture.width);
    const int64_t waste = one.height * one.width - kept;
    if (best.height != 0 && (kept < most || (kept == most && waste >= least_waste))) continue;
    best = one;
    most = kept;
    least_waste = waste;
  }
  return best;
}

Frames cut_tiles(const Frames& picture, const std::vector<Resolution>& offered, int64_t side) {
  expect(picture.count == 1 && side > 0, "tiles are cut from one picture");
  const Resolution own{picture.height, picture.width}, whole = best_resolution(offered, own), inner = fitted(own, whole);
  expect(whole.height % side == 0 && whole.width % side == 0, "a resolution that is no multiple of the tile");
  Frames canvas = picture.blank(whole.height, whole.width);
  paste(resize_bicubic(picture, inner.height, inner.width), canvas, (whole.height - inner.height) / 2,
        (whole.width - inner.width) / 2);
  Frames tiles = resize_bicubic(picture, side, side);
  append_squares(canvas, side, tiles);
  return tiles;
}

Resolution nearest_grid(int64_t side, int64_t least, int64_t most, Resolution picture) {
  expect(side > 0 && least > 0 && least <= most && picture.height > 0 && picture.width > 0, "a choice among no grids");
  const auto height = static_cast<double>(picture.height), width = static_cast<double>(picture.width);
  double nearest = std::numeric_limits<double>::infinity();
  Resolution best;
  for (int64_t squares = least; squares <= most; ++squares) {
    for (int64_t columns = 1; columns <= squares; ++columns) {
      if (squares % columns != 0) continue;
      const int64_t rows = squares / columns;
      const double far = std::abs(width / height - static_cast<double>(columns) / static_cast<double>(rows));
      const bool roomy = 2 * picture.height * picture.width <= side * side * squares;
      if (far > nearest || (far == nearest && roomy)) continue;
      nearest = far;
      best = {rows * side, columns * side};
    }
  }
  return best;
}

Frames cut_grid(const Frames& picture, Resolution grid, int64_t side, bool thumbnail) {
  expect(picture.count == 1 && side > 0, "tiles are cut from one picture");
  expect(grid.height % side == 0 && grid.width % side == 0, "a resolution that is no multiple of the tile");
  Frames squeezed = resize_bicubic(picture, grid.height, grid.width);
  if (grid.height == side && grid.width == side) return squeezed;
  Frames tiles = picture.blank(side, side);
  tiles.count = 0;
  tiles.rgb.clear();
  append_squares(squeezed, side, tiles);
  if (thumbnail) append_squares(resize_bicubic(picture, side, side), side, tiles);
  return tiles;
}

}  // namespace rrpo::video
