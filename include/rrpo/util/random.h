// Random numbers as a pure function of (seed, purpose, index): the same for any order of work and number of threads.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace rrpo {

/// One stream of random numbers (xoshiro256** seeded by a hash of its three arguments).
/// `purpose` keeps streams apart that share a seed ("shuffle", "perturb", …); `index` is the sample's number or a hash of
/// its id.
class Random {
 public:
  Random(uint64_t seed, std::string_view purpose, uint64_t index = 0);

  uint64_t bits();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform in [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform integer in [0, count), without bias; count > 0.
  int64_t below(int64_t count);
  /// Normal with mean 0 and standard deviation 1.
  double normal();
  /// True with this probability.
  bool chance(double probability) { return uniform() < probability; }
  /// Index i with probability weights[i] / sum.
  int64_t weighted(const std::vector<double>& weights);
  /// 0..count-1 in random order.
  std::vector<int64_t> permutation(int64_t count);

  template <class T>
  void shuffle(std::vector<T>& values) {
    for (int64_t i = static_cast<int64_t>(values.size()) - 1; i > 0; --i) {
      std::swap(values[static_cast<size_t>(i)], values[static_cast<size_t>(below(i + 1))]);
    }
  }

 private:
  std::array<uint64_t, 4> state_;
};

/// A stable 64-bit hash of a text (FNV-1a, mixed), for `Random`'s index and for names of cache files.
uint64_t hash64(std::string_view text, uint64_t seed = 0);

}  // namespace rrpo
