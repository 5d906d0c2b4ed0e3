// Frames to normalised pixels: Pillow's bicubic resize, bit for bit, then rescale and normalise.
#pragma once

#include <array>
#include <vector>

#include "rrpo/video/frames.h"
#include "rrpo/video/tiles.h"

namespace rrpo::video {

/// How pictures of any size become those that a tower takes. `size`, `factor` and the rest are fields of PixelSpec.
enum class Fit {
  squash,        ///< to size x size, proportions lost
  crop,          ///< the shorter side to `size` (the longer one cut down to a whole number), then the middle square
  pad,           ///< to a square of its longer side, the rest filled with `mean`, then to size x size
  budget_frame,  ///< sides to multiples of `factor`, proportions kept; height * width within the budget (Qwen2.5-VL)
  budget_clip,   ///< the same, frames * height * width within the budget (Qwen3-VL)
  anyres,        ///< one picture: the whole one squashed, then tiles of the best of the `offered` resolutions (LLaVA)
  tiles          ///< one picture: a grid of tiles by proportions, then the whole one (InternVL)
};

/// What the checkpoint's processor file says about frames.
struct PixelSpec {
  Fit fit = Fit::squash;
  int64_t size = 384;  ///< side of the squares
  std::array<float, 3> mean = {0.5f, 0.5f, 0.5f};
  std::array<float, 3> std = {0.5f, 0.5f, 0.5f};
  double rescale = 1.0 / 255.0;
  int64_t factor = 28;                     ///< of budgets
  int64_t min_pixels = 0, max_pixels = 0;  ///< of budgets
  bool cap = false;                        ///< of budgets: the cap of each frame that qwen-vl-utils sets
  int64_t multiple = 1;                    ///< the last frame is repeated to make the number of frames one of this
  std::vector<Resolution> offered = {};    ///< of anyres
  int64_t min_tiles = 1, max_tiles = 1;    ///< of tiles
  bool thumbnail = true;                   ///< of tiles: more than one are followed by the whole picture
};

/// The size of one picture of the result for `frames` pictures of size `source` (of anyres and tiles: size x size). Throws
/// Error(input, "video") for a picture that the rule refuses (a side more than 200 times the other under a budget, one
/// beyond 12000 pixels to be padded).
Resolution fitted_size(const PixelSpec& spec, int64_t frames, Resolution source);
/// The number of pictures of the result.
int64_t fitted_count(const PixelSpec& spec, int64_t frames, Resolution source);

/// Resizes to width x height as Pillow 11's BICUBIC does on RGB bytes: antialiased, 22-bit fixed point, horizontal pass
/// first.
Frames resize_bicubic(const Frames& frames, int64_t height, int64_t width);

/// `frames` as the fit makes them: of fitted_size, fitted_count of them. Repeated frames keep number and time of the last
/// one, tiles those of their picture. Throws as fitted_size does.
Frames fit(const Frames& frames, const PixelSpec& spec);

/// Fit, byte * rescale (double, then float32), (x - mean) / std in float32, channels first: the slow Hugging Face image
/// processor. `out` has room for [fitted_count, 3, height, width] of fitted_size. Throws as fitted_size does.
void write_pixels(const Frames& frames, const PixelSpec& spec, float* out);

/// The same in memory of its own.
Pixels to_pixels(const Frames& frames, const PixelSpec& spec);

}  // namespace rrpo::video
