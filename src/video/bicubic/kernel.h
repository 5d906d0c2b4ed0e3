// The two passes of a bicubic resize over RGB bytes. All kernels give the same bytes.
#pragma once

#include <string_view>

#include "axis.h"

namespace rrpo::video {

struct ResizeKernel {
  const char* name;
  bool (*runs_here)();
  /// `height` rows of `width` pixels, one behind the other, to as many rows of axis.places() pixels.
  void (*across)(const uint8_t* from, int64_t height, int64_t width, const Axis& axis, uint8_t* to);
  /// Rows of `bytes` bytes, one behind the other, to axis.places() such rows.
  void (*down)(const uint8_t* from, int64_t bytes, const Axis& axis, uint8_t* to);
};

const ResizeKernel& plain_resize();  ///< the reference: sums of 32 bits, tap by tap
const ResizeKernel& avx2_resize();   ///< split weights, two taps a product

/// The one of this name (plain, avx2). Throws Error(usage) for a name that is none, or one that does not run here.
const ResizeKernel& resize_named(std::string_view name);
/// The one that RRPO_RESIZE names, read once; else the fastest that runs here.
const ResizeKernel& chosen_resize();

}  // namespace rrpo::video
