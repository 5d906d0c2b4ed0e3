// Rows by AVX2 and FMA. The instructions are asked for here alone, behind all includes: a flag for the whole file would let
// inline functions of the standard library carry them into programs for older processors.
#include <cmath>
#include <initializer_list>

#include "row_math.h"

#ifdef __x86_64__
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#pragma GCC optimize("fp-contract=off")  // one rounding only where it is asked for by name
#endif
#endif

namespace rrpo::model {

#ifdef __x86_64__

namespace {

#include "avx2_lanes.h"

/// 1 / (1 + exp(-x)), by the exponential of what is not positive.
__m256 sigmoid(__m256 x) {
  const __m256 e = exponential(_mm256_or_ps(x, all(-0.0F)));
  const __m256 top = _mm256_blendv_ps(all(1), e, x);  // by the sign of x
  return _mm256_div_ps(top, _mm256_add_ps(all(1), e));
}

void gated(const float* gate, const float* up, int64_t n, float* out) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const __m256 g = load_part(gate + i, n - i);
    store_part(out + i, _mm256_mul_ps(_mm256_mul_ps(g, sigmoid(g)), load_part(up + i, n - i)), n - i);
  }
}

void gated_back(const float* gate, const float* up, const float* gradient, int64_t n, float* to_gate, float* to_up) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const __m256 g = load_part(gate + i, n - i), d = load_part(gradient + i, n - i), s = sigmoid(g);
    // silu'(g) = s (1 + g (1 - s))
    const __m256 slope = _mm256_mul_ps(s, _mm256_fmadd_ps(g, _mm256_sub_ps(all(1), s), all(1)));
    store_part(to_up + i, _mm256_mul_ps(_mm256_mul_ps(g, s), d), n - i);
    store_part(to_gate + i, _mm256_mul_ps(_mm256_mul_ps(d, load_part(up + i, n - i)), slope), n - i);
  }
}

void gelu_tanh(const float* x, int64_t n, float* out) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const __m256 own = load_part(x + i, n - i);
    // (1 + tanh u) / 2 = sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3)
    const __m256 cube = _mm256_mul_ps(_mm256_mul_ps(own, own), own);
    const __m256 twice = _mm256_mul_ps(_mm256_fmadd_ps(cube, all(0.044715F), own), all(1.5957691216057308F));
    store_part(out + i, _mm256_mul_ps(own, sigmoid(twice)), n - i);
  }
}

float inverse_rms(const float* x, int64_t width, double eps) {
  __m256 even = all(0), odd = all(0);
  for (int64_t i = 0; i < width; i += 2 * kLanes) {
    const __m256 a = load_part(x + i, width - i);
    even = _mm256_fmadd_ps(a, a, even);
    if (width - i <= kLanes) break;
    const __m256 b = load_part(x + i + kLanes, width - i - kLanes);
    odd = _mm256_fmadd_ps(b, b, odd);
  }
  return static_cast<float>(1 / std::sqrt((total(even) + total(odd)) / static_cast<double>(width) + eps));
}

void normed(const float* x, float scale, const float* weight, int64_t width, float* out) {
  const __m256 s = all(scale);
  for (int64_t i = 0; i < width; i += kLanes) {
    const __m256 normal = _mm256_mul_ps(load_part(x + i, width - i), s);
    store_part(out + i, _mm256_mul_ps(normal, load_part(weight + i, width - i)), width - i);
  }
}

void normed_back(const float* gradient, const float* x, float scale, const float* weight, int64_t width, float* out) {
  const __m256 s = all(scale);
  __m256 sum = all(0);
  for (int64_t i = 0; i < width; i += kLanes) {
    const __m256 own = _mm256_mul_ps(load_part(gradient + i, width - i), load_part(weight + i, width - i));
    sum = _mm256_fmadd_ps(own, _mm256_mul_ps(load_part(x + i, width - i), s), sum);
  }
  const __m256 along = all(static_cast<float>(total(sum) / static_cast<double>(width)));
  for (int64_t i = 0; i < width; i += kLanes) {
    const __m256 own = _mm256_mul_ps(load_part(gradient + i, width - i), load_part(weight + i, width - i));
    const __m256 normal = _mm256_mul_ps(load_part(x + i, width - i), s);
    store_part(out + i, _mm256_mul_ps(_mm256_fnmadd_ps(normal, along, own), s), width - i);
  }
}

/// Each product rounded, as operators round it: an eye that turns in float32 has to do so in a pass in double too.
void turned(const float* head, const float* cos, const float* sin, float sign, int64_t half, float* out) {
  for (int64_t i = 0; i < half; i += kLanes) {
    const int64_t left = half - i;
    const __m256 a = load_part(head + i, left), b = load_part(head + half + i, left), c = load_part(cos + i, left),
                 s = _mm256_mul_ps(load_part(sin + i, left), all(sign));
    store_part(out + i, _mm256_sub_ps(_mm256_mul_ps(a, c), _mm256_mul_ps(b, s)), left);
    store_part(out + half + i, _mm256_add_ps(_mm256_mul_ps(b, c), _mm256_mul_ps(a, s)), left);
  }
}

float sum_of(__m256 lanes) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

/// One row by four columns, their sums in `out`. Names, not arrays: what is indexed may not stay in registers.
void dots_of_one(const float* x, const float* weight, int64_t width, float* out) {
  const float *w0 = weight, *w1 = w0 + width, *w2 = w1 + width, *w3 = w2 + width;
  __m256 s0 = all(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  int64_t i = 0;
  for (; i + 2 * kLanes <= width; i += 2 * kLanes) {
    const __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + i + kLanes);
    s0 = _mm256_fmadd_ps(a, _mm256_loadu_ps(w0 + i), s0);
    t0 = _mm256_fmadd_ps(b, _mm256_loadu_ps(w0 + i + kLanes), t0);
    s1 = _mm256_fmadd_ps(a, _mm256_loadu_ps(w1 + i), s1);
    t1 = _mm256_fmadd_ps(b, _mm256_loadu_ps(w1 + i + kLanes), t1);
    s2 = _mm256_fmadd_ps(a, _mm256_loadu_ps(w2 + i), s2);
    t2 = _mm256_fmadd_ps(b, _mm256_loadu_ps(w2 + i + kLanes), t2);
    s3 = _mm256_fmadd_ps(a, _mm256_loadu_ps(w3 + i), s3);
    t3 = _mm256_fmadd_ps(b, _mm256_loadu_ps(w3 + i + kLanes), t3);
  }
  for (; i < width; i += kLanes) {
    const __m256 a = load_part(x + i, width - i);
    s0 = _mm256_fmadd_ps(a, load_part(w0 + i, width - i), s0);
    s1 = _mm256_fmadd_ps(a, load_part(w1 + i, width - i), s1);
    s2 = _mm256_fmadd_ps(a, load_part(w2 + i, width - i), s2);
    s3 = _mm256_fmadd_ps(a, load_part(w3 + i, width - i), s3);
  }
  out[0] = sum_of(_mm256_add_ps(s0, t0));
  out[1] = sum_of(_mm256_add_ps(s1, t1));
  out[2] = sum_of(_mm256_add_ps(s2, t2));
  out[3] = sum_of(_mm256_add_ps(s3, t3));
}

/// Two rows by four columns: the second row's sums behind the first one's.
void dots_of_two(const float* x, const float* weight, int64_t width, float* out) {
  const float *y = x + width, *w0 = weight, *w1 = w0 + width, *w2 = w1 + width, *w3 = w2 + width;
  __m256 s0 = all(0), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  const auto add = [&](__m256 a, __m256 b, __m256 c0, __m256 c1, __m256 c2, __m256 c3) {
    s0 = _mm256_fmadd_ps(a, c0, s0);
    s1 = _mm256_fmadd_ps(a, c1, s1);
    s2 = _mm256_fmadd_ps(a, c2, s2);
    s3 = _mm256_fmadd_ps(a, c3, s3);
    t0 = _mm256_fmadd_ps(b, c0, t0);
    t1 = _mm256_fmadd_ps(b, c1, t1);
    t2 = _mm256_fmadd_ps(b, c2, t2);
    t3 = _mm256_fmadd_ps(b, c3, t3);
  };
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    add(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i), _mm256_loadu_ps(w0 + i), _mm256_loadu_ps(w1 + i),
        _mm256_loadu_ps(w2 + i), _mm256_loadu_ps(w3 + i));
  }
  if (i < width) {
    const int64_t left = width - i;
    add(load_part(x + i, left), load_part(y + i, left), load_part(w0 + i, left), load_part(w1 + i, left),
        load_part(w2 + i, left), load_part(w3 + i, left));
  }
  for (const __m256 sum : {s0, s1, s2, s3, t0, t1, t2, t3}) *out++ = sum_of(sum);
}

float dot(const float* x, const float* weight, int64_t width) {
  __m256 sum = all(0);
  for (int64_t i = 0; i < width; i += kLanes)
    sum = _mm256_fmadd_ps(load_part(x + i, width - i), load_part(weight + i, width - i), sum);
  return sum_of(sum);
}

void few_rows(const float* x, int64_t rows, int64_t width, const float* weight, const float* bias, int64_t columns,
              int64_t begin, int64_t end, float* out) {
  constexpr int64_t kColumns = 4;  // what stays in the nearest cache while all rows go over it
  const auto put = [&](int64_t row, int64_t column, float sum) {
    out[row * columns + column] = bias == nullptr ? sum : sum + bias[column];
  };
  int64_t column = begin;
  for (; column + kColumns <= end; column += kColumns) {
    const float* w = weight + column * width;
    float sums[2 * kColumns];
    int64_t row = 0;
    for (; row + 2 <= rows; row += 2) {
      dots_of_two(x + row * width, w, width, sums);
      for (int64_t c = 0; c < kColumns; ++c) {
        put(row, column + c, sums[c]);
        put(row + 1, column + c, sums[kColumns + c]);
      }
    }
    if (row == rows) continue;
    dots_of_one(x + row * width, w, width, sums);
    for (int64_t c = 0; c < kColumns; ++c) put(row, column + c, sums[c]);
  }
  for (; column < end; ++column) {
    for (int64_t row = 0; row < rows; ++row) put(row, column, dot(x + row * width, weight + column * width, width));
  }
}

bool runs_here() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

}  // namespace

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const RowMath& avx2_math() {
  static const RowMath math{runs_here, gated, gated_back, gelu_tanh, inverse_rms, normed, normed_back, turned, few_rows};
  return math;
}

#else

const RowMath& avx2_math() {
  static const RowMath math{[] { return false; }, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
  return math;
}

#endif

}  // namespace rrpo::model
