#include "spacing.h"

#include <algorithm>
#include <cmath>

namespace rrpo::video {

// A double quotient first: an integer formula differs by one frame for some totals.
std::vector<int64_t> floored(int64_t total, int64_t wanted) {
  const double step = static_cast<double>(total) / static_cast<double>(wanted);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < wanted; ++i) indices.push_back(static_cast<int64_t>(step * static_cast<double>(i)));
  return indices;
}

// i * step in double, the last one set to the end.
std::vector<int64_t> spread(int64_t total, int64_t wanted) {
  if (wanted == 1) return {0};
  const double step = static_cast<double>(total - 1) / static_cast<double>(wanted - 1);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i + 1 < wanted; ++i) indices.push_back(static_cast<int64_t>(static_cast<double>(i) * step));
  indices.push_back(total - 1);
  return indices;
}

std::vector<int64_t> every(int64_t begin, int64_t end, int64_t step) {
  std::vector<int64_t> indices;
  for (int64_t i = begin; i < end; i += step) indices.push_back(i);
  return indices;
}

int64_t rounded(double value) {
  constexpr double kMost = 9e15;
  return static_cast<int64_t>(std::clamp(std::nearbyint(value), -kMost, kMost));
}

int64_t step_of(double fps, double wanted) { return std::max<int64_t>(1, rounded(fps / wanted)); }

Bounds bounds_of(const Sequence& sequence) {
  Bounds bounds{sequence.first, sequence.last()};
  if (sequence.start_s) bounds.first = std::max(bounds.first, rounded(*sequence.start_s * sequence.fps));
  if (sequence.end_s) bounds.last = std::min(bounds.last, rounded(*sequence.end_s * sequence.fps));
  return bounds;
}

}  // namespace rrpo::video
