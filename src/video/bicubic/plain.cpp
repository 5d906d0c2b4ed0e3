#include <algorithm>
#include <cstring>
#include <vector>

#include "kernel.h"

namespace rrpo::video {
namespace {

constexpr int32_t kHalf = 1 << (kWeightBits - 1);

uint8_t to_byte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }

// `from` holds one spare byte, so that four bytes may be read at every pixel.
void one_row(const uint8_t* from, const Axis& axis, uint8_t* to) {
  for (int64_t i = 0; i < axis.places(); ++i, to += 3) {
    const uint8_t* pixel = from + axis.first[static_cast<size_t>(i)] * 3;
    const int32_t* weight = axis.weights_of(i);
    int32_t sum[4] = {kHalf, kHalf, kHalf, kHalf};
    for (int64_t j = 0; j < axis.length[static_cast<size_t>(i)]; ++j, pixel += 3) {
      for (int c = 0; c < 4; ++c) sum[c] += weight[j] * pixel[c];
    }
    for (int c = 0; c < 3; ++c) to[c] = to_byte(sum[c]);
  }
}

void across(const uint8_t* from, int64_t height, int64_t width, const Axis& axis, uint8_t* to) {
  std::vector<uint8_t> row(static_cast<size_t>(width) * 3 + 1);
  for (int64_t y = 0; y < height; ++y, to += axis.places() * 3) {
    std::memcpy(row.data(), from + y * width * 3, static_cast<size_t>(width) * 3);
    one_row(row.data(), axis, to);
  }
}

void down(const uint8_t* from, int64_t bytes, const Axis& axis, uint8_t* to) {
  std::vector<int32_t> sums(static_cast<size_t>(bytes));
  for (int64_t y = 0; y < axis.places(); ++y, to += bytes) {
    const uint8_t* row = from + axis.first[static_cast<size_t>(y)] * bytes;
    std::fill(sums.begin(), sums.end(), kHalf);
    for (int64_t j = 0; j < axis.length[static_cast<size_t>(y)]; ++j, row += bytes) {
      const int32_t share = axis.weights_of(y)[j];
      for (int64_t x = 0; x < bytes; ++x) sums[static_cast<size_t>(x)] += share * row[x];
    }
    std::transform(sums.begin(), sums.end(), to, to_byte);
  }
}

}  // namespace

const ResizeKernel& plain_resize() {
  static const ResizeKernel kernel{"plain", [] { return true; }, across, down};
  return kernel;
}

}  // namespace rrpo::video
