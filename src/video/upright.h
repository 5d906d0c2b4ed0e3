// Decoded frames to upright RGB bytes.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>

#include "ffmpeg.h"

namespace rrpo::video {

/// How a file says its frames are to be shown: a multiple of 90 degrees, mirrored or not. A pixel (x, y) of the stored
/// frame is shown at (a x + c y, b x + d y), up to a shift; entries are -1, 0 or 1.
struct Orientation {
  int a = 1, b = 0, c = 0, d = 1;
  bool swaps() const { return a == 0; }
  bool plain() const { return a == 1 && d == 1; }
};

/// Reads a display matrix of 9 fixed-point numbers (nullptr: upright). Throws Error(input) for another angle.
Orientation orientation_of(const int32_t* matrix, const std::filesystem::path& file);

/// Converts frames to RGB24 by swscale (bilinear, no other flag, the matrix and range that the stream declares: the bytes
/// PyAV and decord give), then turns them.
class RgbConverter {
 public:
  explicit RgbConverter(Orientation orientation) : orientation_(orientation) {}
  int64_t height(const AVFrame& frame) const { return orientation_.swaps() ? frame.width : frame.height; }
  int64_t width(const AVFrame& frame) const { return orientation_.swaps() ? frame.height : frame.width; }
  /// Writes height x width x 3 bytes to `out`. Throws Error(input) naming `file` for a pixel format that cannot be
  /// converted.
  void convert(const AVFrame& frame, uint8_t* out, const std::filesystem::path& file);

 private:
  struct Source {
    int width = 0, height = 0, format = 0, space = 0, range = 0;
    bool operator==(const Source&) const = default;
  };
  void open_scaler(const Source& source, const std::filesystem::path& file);
  void prepare(const AVFrame& frame, const std::filesystem::path& file);
  Orientation orientation_;
  Source source_;
  ScalerHandle scaler_;
  FrameHandle rgb_;
};

}  // namespace rrpo::video
