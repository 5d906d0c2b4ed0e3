#include "formula_pixels.h"

#include <ATen/ops/empty.h>

namespace rrpo::train {

at::Tensor formula_pixels(int64_t frames, int64_t side) {
  at::Tensor pixels = at::empty({frames, 3, side, side}, at::kDouble);
  double* out = pixels.mutable_data_ptr<double>();
  for (int64_t i = 0; i < pixels.numel(); ++i) {
    const int64_t x = i % side, y = i / side % side, c = i / (side * side) % 3, f = i / (3 * side * side);
    out[i] = static_cast<double>((x * 31 + y * 17 + c * 101 + f * 7) & 255) / 127.5 - 1;
  }
  return pixels;
}

}  // namespace rrpo::train
