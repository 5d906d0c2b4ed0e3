// The row kernel for processors with AVX2 and FMA. The instructions are asked for here alone, behind all includes: a flag
// for the whole file would let inline functions of the standard library carry them into programs for older processors.
#include "row_kernel.h"

#ifdef __x86_64__
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#endif

namespace rrpo::loss {

#ifdef __x86_64__

namespace {

struct Lanes {
  __m256 low, high;
};

Lanes all(float value) { return {_mm256_set1_ps(value), _mm256_set1_ps(value)}; }
Lanes load(const float* at) { return {_mm256_loadu_ps(at), _mm256_loadu_ps(at + 8)}; }
void store(float* at, Lanes x) {
  _mm256_storeu_ps(at, x.low);
  _mm256_storeu_ps(at + 8, x.high);
}
Lanes plus(Lanes a, Lanes b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
Lanes minus(Lanes a, Lanes b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
Lanes times(Lanes a, Lanes b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
Lanes larger(Lanes a, Lanes b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
Lanes fused(Lanes a, Lanes b, Lanes c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
Lanes fused_less(Lanes a, Lanes b, Lanes c) {
  return {_mm256_fmsub_ps(a.low, b.low, c.low), _mm256_fmsub_ps(a.high, b.high, c.high)};
}

constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
Lanes nearest(Lanes x) { return {_mm256_round_ps(x.low, kNearest), _mm256_round_ps(x.high, kNearest)}; }

__m256 times_power_or_zero(__m256 value, __m256 n, __m256 x, __m256 smallest) {
  const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  const __m256 kept = _mm256_cmp_ps(x, smallest, _CMP_NLT_UQ);  // true for a NaN, which stays one
  return _mm256_and_ps(kept, _mm256_mul_ps(value, _mm256_castsi256_ps(power)));
}
/// value * 2^n; 0 where x is below `smallest`.
Lanes times_power_or_zero(Lanes value, Lanes n, Lanes x, Lanes smallest) {
  return {times_power_or_zero(value.low, n.low, x.low, smallest.low),
          times_power_or_zero(value.high, n.high, x.high, smallest.high)};
}

#include "row_lanes.h"

bool runs_here() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

}  // namespace

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const RowKernel& avx2_rows() {
  static const RowKernel kernel{"avx2", runs_here, largest, exponentials, both, slope};
  return kernel;
}

#else

const RowKernel& avx2_rows() {
  static const RowKernel kernel{"avx2", [] { return false; }, nullptr, nullptr, nullptr, nullptr};
  return kernel;
}

#endif

}  // namespace rrpo::loss
