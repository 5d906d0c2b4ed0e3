#include "formula_pixels.h"

#include <ATen/ops/empty.h>

namespace rrpo::train {

at::Tensor formula_pixels(int64_t frames, int64_t height, int64_t width) {
  at::Tensor pixels = at::empty({frames, 3, height, width}, at::kDouble);
  double* out = pixels.mutable_data_ptr<double>();
  for (int64_t i = 0; i < pixels.numel(); ++i) {
    const int64_t x = i % width, y = i / width % height, c = i / (height * width) % 3, f = i / (3 * height * width);
    out[i] = static_cast<double>((x * 31 + y * 17 + c * 101 + f * 7) & 255) / 127.5 - 1;
  }
  return pixels;
}

model::ClipInput formula_clip(const policy::Policy& policy, int64_t frames) {
  const video::PixelSpec& first = policy.pixels.front();
  const bool budget = first.fit == video::Fit::budget_frame || first.fit == video::Fit::budget_clip;
  const video::Resolution source =
      budget ? video::Resolution{4 * first.factor, 6 * first.factor} : video::Resolution{first.size, first.size};
  model::ClipInput clip;
  for (const video::PixelSpec& spec : policy.pixels) {
    const video::Resolution size = video::fitted_size(spec, frames, source);
    clip.pixels.push_back(formula_pixels(video::fitted_count(spec, frames, source), size.height, size.width));
  }
  const at::Tensor& shown = clip.pixels.front();
  clip.form = {.frames = shown.size(0), .height = shown.size(2), .width = shown.size(3), .source = source};
  for (int64_t i = 0; i < frames; ++i) clip.form.index.push_back(i);
  return clip;
}

}  // namespace rrpo::train
