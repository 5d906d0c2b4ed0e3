// Rows of attention scores by AVX2 and FMA; see row_math_avx2.cpp for how the instructions are asked for.
#include <limits>

#include "score_rows.h"

#ifdef __x86_64__
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#pragma GCC optimize("fp-contract=off")
#endif
#endif

namespace rrpo::model {

#ifdef __x86_64__

namespace {

#include "../avx2_lanes.h"

void clear(float* row, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) row[i] = 0;
}

/// Calls `use(first column, how many are left)` for eight seen columns at a time, or fewer at the end of a range, and
/// `skip(begin, end)` for the columns in between.
template <class Use, class Skip>
void each_part(int64_t columns, const Seen& seen, const Use& use, const Skip& skip) {
  int64_t done = 0;
  for (int64_t r = 0; r < seen.count; ++r) {
    const Range own = seen.ranges[r];
    const int64_t end = own.begin + own.length;
    skip(done, own.begin);
    for (int64_t i = own.begin; i < end; i += kLanes) use(i, end - i);
    done = end;
  }
  skip(done, columns);
}

/// All lanes of the first `count` values.
__m256 first_lanes(int64_t count) {
  alignas(32) static constexpr int32_t kOn[2 * kLanes] = {-1, -1, -1, -1, -1, -1, -1, -1};
  const int64_t off = count >= kLanes ? 0 : kLanes - count;
  return _mm256_castsi256_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(kOn + off)));
}

float largest(__m256 lanes) {
  float values[kLanes];
  _mm256_storeu_ps(values, lanes);
  float top = values[0];
  for (const float value : values) top = value > top ? value : top;
  return top;
}

Softened<float> soften(float* scores, int64_t columns, const Seen& seen) {
  const __m256 lowest = all(-std::numeric_limits<float>::infinity());
  __m256 top = lowest, sum = all(0);
  each_part(
      columns, seen,
      [&](int64_t i, int64_t left) {
        const __m256 own = left >= kLanes ? _mm256_loadu_ps(scores + i)
                                          : _mm256_blendv_ps(lowest, load_part(scores + i, left), first_lanes(left));
        top = _mm256_max_ps(top, own);
      },
      [](int64_t, int64_t) {});
  Softened<float> row{largest(top), 0};
  const __m256 shift = all(row.top);
  each_part(
      columns, seen,
      [&](int64_t i, int64_t left) {
        __m256 e = exponential(_mm256_sub_ps(load_part(scores + i, left), shift));
        if (left < kLanes) e = _mm256_and_ps(e, first_lanes(left));
        sum = _mm256_add_ps(sum, e);
        store_part(scores + i, e, left);
      },
      [&](int64_t begin, int64_t end) { clear(scores, begin, end); });
  row.sum = static_cast<float>(total(sum));
  return row;
}

void back(float* scores, float* gradients, int64_t columns, const Seen& seen, float lse, float along) {
  const __m256 shift = all(lse), mean = all(along);
  each_part(
      columns, seen,
      [&](int64_t i, int64_t left) {
        const __m256 p = exponential(_mm256_sub_ps(load_part(scores + i, left), shift));
        store_part(gradients + i, _mm256_mul_ps(p, _mm256_sub_ps(load_part(gradients + i, left), mean)), left);
        store_part(scores + i, p, left);
      },
      [&](int64_t begin, int64_t end) {
        clear(scores, begin, end);
        clear(gradients, begin, end);
      });
}

}  // namespace

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const ScoreRows<float>& avx2_scores() {
  static const ScoreRows<float> rows{soften, back};
  return rows;
}

#else

const ScoreRows<float>& avx2_scores() {
  static const ScoreRows<float> rows{};
  return rows;
}

#endif

}  // namespace rrpo::model
