// Pictures that any program can compute again.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace rrpo::train {

/// [F, 3, S, S] float64 in [-1, 1]: ((31 x + 17 y + 101 c + 7 f) mod 256) / 127.5 - 1, as in scripts/oracles/selftest.py.
at::Tensor formula_pixels(int64_t frames, int64_t side);

}  // namespace rrpo::train
