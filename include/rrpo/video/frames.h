// Frames of a clip as bytes.
#pragma once

#include <cstddef>
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
  int64_t total = 0;           ///< frames of the whole file, where one was looked at; of pictures their number

  int64_t frame_bytes() const { return height * width * 3; }
  uint8_t* frame(int64_t i) { return rgb.data() + i * frame_bytes(); }
  const uint8_t* frame(int64_t i) const { return rgb.data() + i * frame_bytes(); }

  /// The same at another size, black: all that is known of them but the pixels.
  Frames blank(int64_t to_height, int64_t to_width) const {
    Frames out{count, to_height, to_width, {}, time_s, index, duration_s, fps, total};
    out.rgb.resize(static_cast<std::size_t>(out.count * out.frame_bytes()));
    return out;
  }
};

/// Normalised pixels, [count, 3, height, width] float32.
struct Pixels {
  int64_t count = 0, height = 0, width = 0;
  std::vector<float> values;
};

}  // namespace rrpo::video
