// The two tests of `rrpo-eval compare`.
#include <algorithm>
#include <cmath>

#include "rrpo/eval/compare.h"
#include "rrpo/util/random.h"

namespace rrpo::eval {

namespace {

constexpr double kLevel = 0.05;
constexpr double kTie = 1e-9;  // sums that differ by rounding only are equal

/// For every flip s: sum of s_i d_i and sum of s_i. The test of the shifted differences d_i - shift needs no more than
/// these.
struct Flips {
  std::vector<double> differences, signs;
  double total = 0, count = 0;
  bool exact = false;

  /// The two-sided p-value of a mean of `shift`.
  double p(double shift) const {
    const double observed = std::abs(total - shift * count) - kTie;
    int64_t extreme = 0;
    for (size_t k = 0; k < signs.size(); ++k) extreme += std::abs(differences[k] - shift * signs[k]) >= observed ? 1 : 0;
    const auto flips = static_cast<double>(signs.size());
    const auto found = static_cast<double>(extreme);
    return exact ? found / flips : (1 + found) / (1 + flips);
  }
};

void add_flip(Flips& flips, const std::vector<double>& values, const std::vector<uint64_t>& bits) {
  double sum = 0, signs = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double sign = (bits[i / 64] >> (i % 64)) & 1 ? -1 : 1;
    sum += sign * values[i];
    signs += sign;
  }
  flips.differences.push_back(sum);
  flips.signs.push_back(signs);
}

Flips make_flips(const std::vector<double>& values, uint64_t seed) {
  Flips flips;
  for (const double value : values) flips.total += value;
  flips.count = static_cast<double>(values.size());
  flips.exact = static_cast<int64_t>(values.size()) <= kExactVideos;
  if (flips.exact) {
    for (uint64_t k = 0; k < uint64_t{1} << values.size(); ++k) add_flip(flips, values, {k});
    return flips;
  }
  Random random(seed, "sign flips");
  std::vector<uint64_t> bits((values.size() + 63) / 64);
  for (int64_t k = 0; k < kRandomFlips; ++k) {
    for (uint64_t& word : bits) word = random.bits();
    add_flip(flips, values, bits);
  }
  return flips;
}

/// The last shift between `inside` (not rejected) and `outside` that is not rejected.
double border(const Flips& flips, double inside, double outside) {
  if (flips.p(outside) > kLevel) return outside;
  for (int i = 0; i < 50; ++i) {
    const double middle = (inside + outside) / 2;
    (flips.p(middle) > kLevel ? inside : outside) = middle;
  }
  return inside;
}

}  // namespace

double mcnemar_p(int64_t gained, int64_t lost) {
  const int64_t changed = gained + lost, fewer = std::min(gained, lost);
  const auto log_factorial = [](int64_t n) { return std::lgamma(static_cast<double>(n) + 1); };
  double tail = 0;
  for (int64_t k = 0; k <= fewer; ++k) {
    tail += std::exp(log_factorial(changed) - log_factorial(k) - log_factorial(changed - k) -
                     static_cast<double>(changed) * std::log(2.0));
  }
  return std::min(1.0, 2 * tail);
}

SignFlip sign_flip_test(const std::vector<double>& differences, uint64_t seed) {
  SignFlip out;
  out.videos = static_cast<int64_t>(differences.size());
  if (differences.empty()) return out;
  const Flips all = make_flips(differences, seed);
  out.mean = all.total / all.count;
  // A difference of zero stays zero under every flip: without those the exact test reaches further.
  std::vector<double> moved;
  for (const double difference : differences) {
    if (difference != 0) moved.push_back(difference);
  }
  const Flips tested = moved.size() == differences.size() ? all : make_flips(moved, seed);
  out.p = tested.p(0);
  out.exact = tested.exact;
  out.low = border(all, out.mean, -1);
  out.high = border(all, out.mean, 1);
  return out;
}

}  // namespace rrpo::eval
