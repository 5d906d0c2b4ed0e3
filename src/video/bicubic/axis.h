// The weights of a bicubic resize along one axis, in whole numbers.
#pragma once

#include <cstdint>
#include <vector>

namespace rrpo::video {

constexpr int kWeightBits = 22;
constexpr int kLowBits = 11;

/// Places of one axis: place i is the sum over j < length[i] of input[first[i] + j] * weight[i * taps + j], plus a half,
/// over 2^22, cut to a byte.
struct Axis {
  int64_t taps = 0;                    ///< weights of a place, a multiple of 4: those behind its length are 0
  std::vector<int64_t> first, length;  ///< one for each place
  std::vector<int32_t> weight;
  /// The same for products of 16 bits: weight = high * 2^11 + low with low in [-2^10, 2^10). Four taps after four taps: four
  /// high parts, then four low ones.
  std::vector<int16_t> parts;

  int64_t places() const { return static_cast<int64_t>(first.size()); }
  const int32_t* weights_of(int64_t place) const { return weight.data() + place * taps; }
  const int16_t* parts_of(int64_t place) const { return parts.data() + place * taps * 2; }
};

/// The weights with which `in` values become `count` of `out` places, from `begin` on: Pillow's BICUBIC, antialiased.
Axis bicubic_axis(int64_t in, int64_t out, int64_t begin, int64_t count);

}  // namespace rrpo::video
