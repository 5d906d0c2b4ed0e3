#include "rrpo/video/sheet.h"

#include <algorithm>

#include "rrpo/util/error.h"

namespace rrpo::video {
namespace {

constexpr int64_t kGap = 2;

void draw(const Frames& frames, int64_t index, int64_t scale, uint8_t* corner, int64_t row_bytes) {
  const int64_t width = frames.width * scale;
  for (int64_t y = 0; y < frames.height * scale; ++y) {
    const uint8_t* from = frames.frame(index) + (y / scale) * frames.width * 3;
    uint8_t* to = corner + y * row_bytes;
    for (int64_t x = 0; x < width; ++x) std::copy_n(from + (x / scale) * 3, 3, to + x * 3);
  }
}

}  // namespace

Frames contact_sheet(const Frames& frames, int64_t columns, int64_t scale) {
  expect(frames.count > 0 && columns > 0 && scale > 0, "a contact sheet has frames, columns and a scale");
  const int64_t across = std::min(columns, frames.count);
  const int64_t rows = (frames.count + across - 1) / across;
  const int64_t step_x = frames.width * scale + kGap, step_y = frames.height * scale + kGap;
  Frames sheet;
  sheet.count = 1;
  sheet.height = rows * step_y - kGap;
  sheet.width = across * step_x - kGap;
  sheet.time_s = {0};
  sheet.index = {0};
  sheet.rgb.assign(static_cast<size_t>(sheet.frame_bytes()), 255);
  for (int64_t i = 0; i < frames.count; ++i) {
    const int64_t y = i / across * step_y, x = i % across * step_x;
    draw(frames, i, scale, sheet.frame(0) + (y * sheet.width + x) * 3, sheet.width * 3);
  }
  return sheet;
}

}  // namespace rrpo::video
