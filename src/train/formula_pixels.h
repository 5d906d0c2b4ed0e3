// Pictures that any program can compute again.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "rrpo/policy/policy.h"

namespace rrpo::train {

/// [F, 3, H, W] float64 in [-1, 1]: ((31 x + 17 y + 101 c + 7 f) mod 256) / 127.5 - 1, as in scripts/oracles/selftest.py.
at::Tensor formula_pixels(int64_t frames, int64_t height, int64_t width);

/// A clip of such pixels of a small size that the model takes, without a rate.
model::ClipInput formula_clip(const policy::Policy& policy, int64_t frames);

}  // namespace rrpo::train
