// Frames of a clip as bytes.
#pragma once

#include <cstdint>
#include <vector>

namespace rrpo::video {

/// `count` RGB frames of one size: [count, height, width, 3] bytes, contiguous, upright.
struct Frames {
  int64_t count = 0, height = 0, width = 0;
  std::vector<uint8_t> rgb;
  std::vector<double> time_s;  ///< seconds from the clip's start, one per frame
  std::vector<int64_t> index;  ///< number of the frame in decoding order, one per frame
  double duration_s = 0;       ///< of the whole clip: its frames over their mean rate; 0 where there is none (pictures)
  double fps = 0;              ///< that rate

  int64_t frame_bytes() const { return height * width * 3; }
  uint8_t* frame(int64_t i) { return rgb.data() + i * frame_bytes(); }
  const uint8_t* frame(int64_t i) const { return rgb.data() + i * frame_bytes(); }
};

/// Normalised pixels, [count, 3, size, size] float32.
struct Pixels {
  int64_t count = 0, size = 0;
  std::vector<float> values;
};

}  // namespace rrpo::video
