// Numbers that are none, found by their bits.
#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>

namespace rrpo::model {

/// The number of the first of `count` elements that is NaN or infinite, or becomes infinite as `wanted`; -1 where all are
/// numbers. `stored` is one of float64, float32, bfloat16, float16.
int64_t first_not_finite(const void* data, int64_t count, at::ScalarType stored, at::ScalarType wanted);

}  // namespace rrpo::model
