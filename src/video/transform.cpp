#include "rrpo/video/transform.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "resize.h"
#include "rrpo/util/error.h"

// The loops below are the whole cost of preprocessing: vectors of four lanes, wider where the processor has them.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define RRPO_FAST __attribute__((optimize("O3"), target_clones("avx2", "default")))
#else
#define RRPO_FAST
#endif

namespace rrpo::video {
namespace {

constexpr int kBits = 22;
constexpr int kHalf = 1 << (kBits - 1);

// Keys' cubic with a = -0.5.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// The weights of one axis, or of `count` places of it from `begin` on: output begin + i is the sum over j < length[i] of
// input[first[i] + j] * weight[i * taps + j] / 2^22.
struct Axis {
  int64_t taps = 0;
  std::vector<int64_t> first, length;
  std::vector<int32_t> weight;
};

Axis make_axis(int64_t in, int64_t out, int64_t begin, int64_t count) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0);
  const double support = 2.0 * stretch;
  Axis axis;
  axis.taps = static_cast<int64_t>(std::ceil(support)) * 2 + 1;
  axis.weight.assign(static_cast<size_t>(count * axis.taps), 0);
  std::vector<double> exact(static_cast<size_t>(axis.taps));
  for (int64_t i = 0; i < count; ++i) {
    const double center = (static_cast<double>(begin + i) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const int64_t length = std::min(static_cast<int64_t>(center + support + 0.5), in) - first;
    double sum = 0.0;
    for (int64_t j = 0; j < length; ++j) {
      exact[static_cast<size_t>(j)] = cubic((static_cast<double>(j + first) - center + 0.5) * (1.0 / stretch));
      sum += exact[static_cast<size_t>(j)];
    }
    for (int64_t j = 0; j < length; ++j) {
      const double share = sum == 0.0 ? exact[static_cast<size_t>(j)] : exact[static_cast<size_t>(j)] / sum;
      const double fixed = share * (1 << kBits);
      axis.weight[static_cast<size_t>(i * axis.taps + j)] = static_cast<int32_t>(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    }
    axis.first.push_back(first);
    axis.length.push_back(length);
  }
  return axis;
}

inline uint8_t to_byte(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kBits, 0, 255)); }

// One row of RGB: `from` holds `in` pixels and one spare byte, so that four bytes may be read at every pixel.
RRPO_FAST void horizontal(const uint8_t* from, uint8_t* to, int64_t out, const int64_t* first, const int64_t* length,
                          const int32_t* weight, int64_t taps) {
  for (int64_t i = 0; i < out; ++i, to += 3, weight += taps) {
    const uint8_t* pixel = from + first[i] * 3;
    int32_t sum[4] = {kHalf, kHalf, kHalf, kHalf};
    for (int64_t j = 0; j < length[i]; ++j, pixel += 3) {
      for (int c = 0; c < 4; ++c) sum[c] += weight[j] * pixel[c];
    }
    for (int c = 0; c < 3; ++c) to[c] = to_byte(sum[c]);
  }
}

// One row of the result from `length` rows: `sums` is room for `bytes` numbers.
RRPO_FAST void vertical(const uint8_t* rows, uint8_t* to, int64_t bytes, int64_t length, const int32_t* weight,
                        int32_t* sums) {
  for (int64_t x = 0; x < bytes; ++x) sums[x] = kHalf;
  for (int64_t j = 0; j < length; ++j) {
    const uint8_t* row = rows + j * bytes;
    const int32_t share = weight[j];
    for (int64_t x = 0; x < bytes; ++x) sums[x] += share * row[x];
  }
  for (int64_t x = 0; x < bytes; ++x) to[x] = to_byte(sums[x]);
}

void resize_rows(const uint8_t* from, int64_t height, int64_t width, const Axis& axis, int64_t out, uint8_t* to) {
  std::vector<uint8_t> row(static_cast<size_t>(width) * 3 + 1);
  for (int64_t y = 0; y < height; ++y) {
    std::memcpy(row.data(), from + y * width * 3, static_cast<size_t>(width) * 3);
    horizontal(row.data(), to + y * out * 3, out, axis.first.data(), axis.length.data(), axis.weight.data(), axis.taps);
  }
}

void resize_columns(const uint8_t* from, int64_t width, const Axis& axis, int64_t out, uint8_t* to) {
  std::vector<int32_t> sums(static_cast<size_t>(width) * 3);
  for (int64_t y = 0; y < out; ++y) {
    const auto at = static_cast<size_t>(y);
    vertical(from + axis.first[at] * width * 3, to + y * width * 3, width * 3, axis.length[at],
             axis.weight.data() + y * axis.taps, sums.data());
  }
}

// The float32 of each byte: byte * rescale in double, cast, then minus mean and divided by std in float32.
std::array<float, 256> table_of(const PixelSpec& spec, size_t channel) {
  std::array<float, 256> table{};
  for (size_t byte = 0; byte < table.size(); ++byte) {
    const auto scaled = static_cast<float>(static_cast<double>(byte) * spec.rescale);
    table[byte] = (scaled - spec.mean[channel]) / spec.std[channel];
  }
  return table;
}

}  // namespace

Frames resize_bicubic(const Frames& frames, int64_t height, int64_t width) {
  return resize_part(frames, {height, width}, 0, 0, {height, width});
}

Frames resize_part(const Frames& frames, Resolution whole, int64_t top, int64_t left, Resolution part) {
  expect(frames.height > 0 && frames.width > 0 && part.height > 0 && part.width > 0, "frames to resize have a size");
  expect(top >= 0 && left >= 0 && top + part.height <= whole.height && left + part.width <= whole.width,
         "a part of a picture");
  const auto [height, width] = part;
  const bool across = frames.width != whole.width || width != whole.width;
  const bool down = frames.height != whole.height || height != whole.height;
  if (!across && !down) return frames;
  Frames out = frames.blank(height, width);
  const Axis columns = make_axis(frames.width, whole.width, left, width);
  const Axis rows = make_axis(frames.height, whole.height, top, height);
  std::vector<uint8_t> middle(across && down ? static_cast<size_t>(frames.height * width * 3) : 0);
  for (int64_t i = 0; i < frames.count; ++i) {
    const uint8_t* from = frames.frame(i);
    if (across) {
      uint8_t* to = down ? middle.data() : out.frame(i);
      resize_rows(from, frames.height, frames.width, columns, width, to);
      from = to;
    }
    if (down) resize_columns(from, width, rows, height, out.frame(i));
  }
  return out;
}

Pixels to_pixels(const Frames& frames, const PixelSpec& spec) {
  const Resolution own{frames.height, frames.width}, wanted = fitted_size(spec, frames.count, own);
  const bool same = wanted == own && fitted_count(spec, frames.count, own) == frames.count;
  const Frames fitted = same ? Frames{} : fit(frames, spec);
  const Frames& source = same ? frames : fitted;
  const int64_t area = source.height * source.width;
  Pixels pixels;
  pixels.count = source.count;
  pixels.height = source.height;
  pixels.width = source.width;
  pixels.values.resize(static_cast<size_t>(source.count * 3 * area));
  for (size_t channel = 0; channel < 3; ++channel) {
    const std::array<float, 256> table = table_of(spec, channel);
    for (int64_t i = 0; i < source.count; ++i) {
      const uint8_t* from = source.frame(i) + channel;
      float* to = pixels.values.data() + (i * 3 + static_cast<int64_t>(channel)) * area;
      for (int64_t p = 0; p < area; ++p) to[p] = table[from[p * 3]];
    }
  }
  return pixels;
}

}  // namespace rrpo::video
