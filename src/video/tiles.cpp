#include "rrpo/video/tiles.h"

#include <algorithm>
#include <cmath>

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

Frames black(Resolution size) {
  Frames frames;
  frames.count = 1;
  frames.height = size.height;
  frames.width = size.width;
  frames.rgb.resize(static_cast<size_t>(frames.frame_bytes()));
  return frames;
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
  Frames canvas = black(whole);
  paste(resize_bicubic(picture, inner.height, inner.width), canvas, (whole.height - inner.height) / 2,
        (whole.width - inner.width) / 2);
  Frames tiles = resize_bicubic(picture, side, side);
  for (int64_t top = 0; top < whole.height; top += side) {
    for (int64_t left = 0; left < whole.width; left += side) {
      for (int64_t y = top; y < top + side; ++y) {
        const uint8_t* row = canvas.frame(0) + (y * whole.width + left) * 3;
        tiles.rgb.insert(tiles.rgb.end(), row, row + side * 3);
      }
      ++tiles.count;
    }
  }
  const auto count = static_cast<size_t>(tiles.count);
  tiles.time_s.assign(count, 0);
  tiles.index.assign(count, 0);
  return tiles;
}

}  // namespace rrpo::video
