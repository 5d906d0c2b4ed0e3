// Frames to normalised pixels: Pillow's bicubic resize, bit for bit, then rescale and normalise.
#pragma once

#include <array>

#include "rrpo/video/frames.h"

namespace rrpo::video {

/// What the checkpoint's processor file says about frames.
struct PixelSpec {
  int64_t size = 384;  ///< square side
  std::array<float, 3> mean = {0.5f, 0.5f, 0.5f};
  std::array<float, 3> std = {0.5f, 0.5f, 0.5f};
  double rescale = 1.0 / 255.0;
};

/// Resizes to width x height as Pillow 11's BICUBIC does on RGB bytes: antialiased, 22-bit fixed point, horizontal pass
/// first.
Frames resize_bicubic(const Frames& frames, int64_t height, int64_t width);

/// resize, byte * rescale (double, then float32), (x - mean) / std in float32, channels first: the slow Hugging Face image
/// processor.
Pixels to_pixels(const Frames& frames, const PixelSpec& spec);

}  // namespace rrpo::video
