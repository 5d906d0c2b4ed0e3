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

std::vector<int64_t> torch_range(double start, double step, int64_t count) {
  constexpr int64_t kLanes = 8;
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < count; ++i) {
    const bool among_sixteen = i < count / (2 * kLanes) * (2 * kLanes);
    const int64_t lane = among_sixteen ? i % kLanes : 0;
    const auto base = static_cast<float>(start + step * static_cast<double>(i - lane));
    const double value = lane == 0 ? base : static_cast<double>(base) + static_cast<double>(lane) * step;
    indices.push_back(static_cast<int64_t>(static_cast<float>(value)));
  }
  return indices;
}

std::vector<int64_t> spread_rounded(int64_t total, int64_t wanted) {
  if (wanted == 1) return {0};
  const double step = static_cast<double>(total - 1) / static_cast<double>(wanted - 1);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i + 1 < wanted; ++i) indices.push_back(rounded(static_cast<double>(i) * step));
  indices.push_back(total - 1);
  return indices;
}

// The second half is counted from the end. A double holds the product of two floats, so one rounding is left.
std::vector<int64_t> torch_spread(int64_t total, int64_t wanted) {
  if (wanted == 1) return {0};
  const auto end = static_cast<float>(total - 1), step = end / static_cast<float>(wanted - 1);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < wanted; ++i) {
    const double ahead = static_cast<double>(step) * static_cast<double>(i);
    const double behind = static_cast<double>(end) - static_cast<double>(step) * static_cast<double>(wanted - 1 - i);
    indices.push_back(rounded(static_cast<double>(static_cast<float>(i < wanted / 2 ? ahead : behind))));
  }
  return indices;
}

double qwen_count(const Sequence& all, const SamplingFields& fields) {
  constexpr double kLeast = 4;
  constexpr int64_t kMost = 768;
  const double wanted = static_cast<double>(all.count) / all.fps * rate_of(fields, 2);
  const int64_t most = std::min(fields.max_frames > 0 ? fields.max_frames : kMost, all.count);
  return std::min(std::max(wanted, kLeast), static_cast<double>(most));
}

int64_t qwen_pairs(const Sequence& all, const SamplingFields& fields) {
  return std::max<int64_t>(1, static_cast<int64_t>(std::floor(qwen_count(all, fields) / 2)) * 2);
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
