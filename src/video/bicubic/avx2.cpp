// Products of 32 bits are the slowest of a processor's, those of pairs of 16 its fastest: a weight is split into two parts
// that fit, and high sum * 2^11 + low sum is, modulo 2^32, the sum that the plain loop makes. The instructions are asked for
// here alone, behind all includes.
#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "kernel.h"

#ifdef __x86_64__
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#endif

namespace rrpo::video {

#ifdef __x86_64__

namespace {

/// Eight sums by the parts of their weights.
struct Sums {
  __m256i high, low;
  Sums() : high(_mm256_setzero_si256()), low(_mm256_set1_epi32(1 << (kWeightBits - 1))) {}
  void add(__m256i taps, __m256i high_parts, __m256i low_parts) {
    high = _mm256_add_epi32(high, _mm256_madd_epi16(taps, high_parts));
    low = _mm256_add_epi32(low, _mm256_madd_epi16(taps, low_parts));
  }
  __m256i shifted() const {
    return _mm256_srai_epi32(_mm256_add_epi32(_mm256_slli_epi32(high, kLowBits), low), kWeightBits);
  }
};

/// Their 32 bytes; of each half the four groups of four one behind the other.
__m256i to_bytes(const Sums& a, const Sums& b, const Sums& c, const Sums& d) {
  return _mm256_packus_epi16(_mm256_packs_epi32(a.shifted(), b.shifted()), _mm256_packs_epi32(c.shifted(), d.shifted()));
}

__m128i load(const void* at) { return _mm_loadu_si128(static_cast<const __m128i*>(at)); }
__m256i load(const void* low, const void* high) { return _mm256_set_m128i(load(high), load(low)); }

/// The parts of four taps' weights for two places, as `add` wants them: of taps 0 and 1, of taps 2 and 3.
struct FourTaps {
  __m256i high01, high23, low01, low23;
  FourTaps(const int16_t* a, const int16_t* b) {
    const __m256i parts = load(a, b);
    high01 = _mm256_shuffle_epi32(parts, 0x00);
    high23 = _mm256_shuffle_epi32(parts, 0x55);
    low01 = _mm256_shuffle_epi32(parts, 0xaa);
    low23 = _mm256_shuffle_epi32(parts, 0xff);
  }
  /// Four pixels of each place: red, green and blue of two taps side by side, then a sum of nothing.
  void add_to(Sums& sums, const uint8_t* a, const uint8_t* b) const {
    const __m256i order01 =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
    const __m256i order23 =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
    const __m256i pixels = load(a, b);
    sums.add(_mm256_shuffle_epi8(pixels, order01), high01, low01);
    sums.add(_mm256_shuffle_epi8(pixels, order23), high23, low23);
  }
};

using Rows = std::array<const uint8_t*, 4>;
using Targets = std::array<uint8_t*, 4>;

/// Places `a` and `b` of four rows. A pixel is written with the byte behind it where another pixel is to follow.
void two_places(const Rows& rows, const Axis& axis, int64_t a, int64_t b, const Targets& to) {
  const auto at = [&](const std::vector<int64_t>& list, int64_t place) { return list[static_cast<size_t>(place)]; };
  const int64_t taps = std::max(at(axis.length, a), at(axis.length, b));
  const int16_t *parts_a = axis.parts_of(a), *parts_b = axis.parts_of(b);
  int64_t from_a = at(axis.first, a) * 3, from_b = at(axis.first, b) * 3;
  Sums one, two, three, four;
  for (int64_t j = 0; j < taps; j += 4, parts_a += 8, parts_b += 8, from_a += 12, from_b += 12) {
    const FourTaps weights(parts_a, parts_b);
    weights.add_to(one, rows[0] + from_a, rows[0] + from_b);
    weights.add_to(two, rows[1] + from_a, rows[1] + from_b);
    weights.add_to(three, rows[2] + from_a, rows[2] + from_b);
    weights.add_to(four, rows[3] + from_a, rows[3] + from_b);
  }
  alignas(32) std::array<uint8_t, 32> bytes;
  _mm256_store_si256(reinterpret_cast<__m256i*>(bytes.data()), to_bytes(one, two, three, four));
  for (size_t row = 0; row < 4; ++row) {
    const auto put = [&](int64_t place, size_t from) {
      std::memcpy(to[row] + place * 3, bytes.data() + from, place + 1 < axis.places() ? 4 : 3);
    };
    put(a, row * 4);
    put(b, row * 4 + 16);
  }
}

// Four rows share each weight; where fewer are left, the last one is made again. Loads pass a row's end: its next row stands
// there, and their weights are 0. Behind the last rows of all nothing stands: they are copied.
void across(const uint8_t* from, int64_t height, int64_t width, const Axis& axis, uint8_t* to) {
  const int64_t row_bytes = width * 3, beyond = axis.taps * 3 + 4;
  const uint8_t* end = from + height * row_bytes;
  std::vector<uint8_t> spare(static_cast<size_t>(4 * (row_bytes + beyond)));
  for (int64_t y = 0; y < height; y += 4) {
    Rows rows;
    Targets targets;
    for (int64_t i = 0; i < 4; ++i) {
      const int64_t row = std::min(y + i, height - 1);
      const uint8_t* source = from + row * row_bytes;
      uint8_t* copy = spare.data() + i * (row_bytes + beyond);
      const bool last = end - source < row_bytes + beyond;
      if (last) std::memcpy(copy, source, static_cast<size_t>(row_bytes));
      rows[static_cast<size_t>(i)] = last ? copy : source;
      targets[static_cast<size_t>(i)] = to + row * axis.places() * 3;
    }
    for (int64_t place = 0; place < axis.places(); place += 2)
      two_places(rows, axis, place, std::min(place + 1, axis.places() - 1), targets);
  }
}

/// 32 bytes of a row from `length` rows, `stride` bytes apart: two rows side by side, two weights in each product.
void column(const uint8_t* rows, int64_t stride, int64_t length, const int16_t* parts, uint8_t* to) {
  const __m256i zero = _mm256_setzero_si256();
  Sums one, two, three, four;
  for (int64_t j = 0; j < length; j += 2, rows += 2 * stride) {
    const auto pair = [&](int64_t part) {
      int32_t both = 0;
      std::memcpy(&both, parts + j / 4 * 8 + j % 4 + part, 4);
      return _mm256_set1_epi32(both);
    };
    const uint8_t* next = j + 1 < length ? rows + stride : rows;  // of an odd number the last one's weight is 0
    const __m256i a = load(rows, rows + 16), b = load(next, next + 16);
    const __m256i low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b);
    const __m256i high_parts = pair(0), low_parts = pair(4);
    one.add(_mm256_unpacklo_epi8(low, zero), high_parts, low_parts);
    two.add(_mm256_unpackhi_epi8(low, zero), high_parts, low_parts);
    three.add(_mm256_unpacklo_epi8(high, zero), high_parts, low_parts);
    four.add(_mm256_unpackhi_epi8(high, zero), high_parts, low_parts);
  }
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), to_bytes(one, two, three, four));
}

// The last block of a row begins where it ends with the row: some bytes are made twice.
void down(const uint8_t* from, int64_t bytes, const Axis& axis, uint8_t* to) {
  if (bytes < 32) return plain_resize().down(from, bytes, axis, to);
  for (int64_t y = 0; y < axis.places(); ++y, to += bytes) {
    const uint8_t* rows = from + axis.first[static_cast<size_t>(y)] * bytes;
    for (int64_t x = 0; x < bytes; x += 32) {
      const int64_t at = std::min(x, bytes - 32);
      column(rows + at, bytes, axis.length[static_cast<size_t>(y)], axis.parts_of(y), to + at);
    }
  }
}

bool runs_here() { return __builtin_cpu_supports("avx2"); }

}  // namespace

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const ResizeKernel& avx2_resize() {
  static const ResizeKernel kernel{"avx2", runs_here, across, down};
  return kernel;
}

#else

const ResizeKernel& avx2_resize() {
  static const ResizeKernel kernel{"avx2", [] { return false; }, nullptr, nullptr};
  return kernel;
}

#endif

}  // namespace rrpo::video
