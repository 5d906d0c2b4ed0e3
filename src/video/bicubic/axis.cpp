#include "axis.h"

#include <algorithm>
#include <cmath>

namespace rrpo::video {
namespace {

// Keys' cubic with a = -0.5.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

void split(Axis& axis) {
  constexpr int kLow = 1 << kLowBits;
  axis.parts.resize(axis.weight.size() * 2);
  for (size_t i = 0; i < axis.weight.size(); ++i) {
    const size_t at = i / 4 * 8 + i % 4;
    const int32_t low = ((axis.weight[i] + kLow / 2) & (kLow - 1)) - kLow / 2;
    axis.parts[at] = static_cast<int16_t>((axis.weight[i] - low) / kLow);
    axis.parts[at + 4] = static_cast<int16_t>(low);
  }
}

}  // namespace

Axis bicubic_axis(int64_t in, int64_t out, int64_t begin, int64_t count) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0);
  const double support = 2.0 * stretch;
  Axis axis;
  axis.taps = (static_cast<int64_t>(std::ceil(support)) * 2 + 4) / 4 * 4;
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
      const double fixed = share * (1 << kWeightBits);
      axis.weight[static_cast<size_t>(i * axis.taps + j)] = static_cast<int32_t>(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    }
    axis.first.push_back(first);
    axis.length.push_back(length);
  }
  split(axis);
  return axis;
}

}  // namespace rrpo::video
