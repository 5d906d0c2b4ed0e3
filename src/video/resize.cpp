#include "resize.h"

#include <memory>

#include "bicubic/kernel.h"
#include "rrpo/util/error.h"
#include "rrpo/video/transform.h"

namespace rrpo::video {

Frames resize_bicubic(const Frames& frames, int64_t height, int64_t width) {
  return resize_part(frames, {height, width}, 0, 0, {height, width});
}

Frames resize_part(const Frames& frames, Resolution whole, int64_t top, int64_t left, Resolution part) {
  expect(frames.height > 0 && frames.width > 0 && part.height > 0 && part.width > 0, "frames to resize have a size");
  expect(top >= 0 && left >= 0 && top + part.height <= whole.height && left + part.width <= whole.width,
         "a part of a picture");
  const auto [height, width] = part;
  const bool across = frames.width != whole.width || width != whole.width;
  const bool down = frames.height != whole.height || height != whole.height;
  if (!across && !down) return frames;
  const ResizeKernel& kernel = chosen_resize();
  Frames out = frames.blank(height, width);
  const Axis columns = bicubic_axis(frames.width, whole.width, left, width);
  const Axis rows = bicubic_axis(frames.height, whole.height, top, height);
  const auto middle_bytes = static_cast<size_t>(across && down ? frames.height * width * 3 : 0);
  const auto middle = std::make_unique_for_overwrite<uint8_t[]>(middle_bytes);
  for (int64_t i = 0; i < frames.count; ++i) {
    const uint8_t* from = frames.frame(i);
    if (across) {
      uint8_t* to = down ? middle.get() : out.frame(i);
      kernel.across(from, frames.height, frames.width, columns, to);
      from = to;
    }
    if (down) kernel.down(from, width * 3, rows, out.frame(i));
  }
  return out;
}

}  // namespace rrpo::video
