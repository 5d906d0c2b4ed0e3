// The row kernel for processors with AVX-512; see row_avx2.cpp for how the instructions are asked for.
#include "row_kernel.h"

#ifdef __x86_64__
#include <immintrin.h>

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f")
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // its own header builds "undefined" so
#endif
#endif

namespace rrpo::loss {

#ifdef __x86_64__

namespace {

struct Lanes {
  __m512 x;
};

Lanes all(float value) { return {_mm512_set1_ps(value)}; }
Lanes load(const float* at) { return {_mm512_loadu_ps(at)}; }
void store(float* at, Lanes a) { _mm512_storeu_ps(at, a.x); }
Lanes plus(Lanes a, Lanes b) { return {_mm512_add_ps(a.x, b.x)}; }
Lanes minus(Lanes a, Lanes b) { return {_mm512_sub_ps(a.x, b.x)}; }
Lanes times(Lanes a, Lanes b) { return {_mm512_mul_ps(a.x, b.x)}; }
Lanes larger(Lanes a, Lanes b) { return {_mm512_max_ps(a.x, b.x)}; }
Lanes fused(Lanes a, Lanes b, Lanes c) { return {_mm512_fmadd_ps(a.x, b.x, c.x)}; }
Lanes fused_less(Lanes a, Lanes b, Lanes c) { return {_mm512_fmsub_ps(a.x, b.x, c.x)}; }
Lanes nearest(Lanes a) { return {_mm512_roundscale_ps(a.x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
/// value * 2^n; 0 where x is below `smallest`.
Lanes times_power_or_zero(Lanes value, Lanes n, Lanes x, Lanes smallest) {
  const __m512i power = _mm512_slli_epi32(_mm512_add_epi32(_mm512_cvtps_epi32(n.x), _mm512_set1_epi32(127)), 23);
  const __mmask16 kept = _mm512_cmp_ps_mask(x.x, smallest.x, _CMP_NLT_UQ);  // true for a NaN, which stays one
  return {_mm512_maskz_mul_ps(kept, value.x, _mm512_castsi512_ps(power))};
}

#include "row_lanes.h"

bool runs_here() { return __builtin_cpu_supports("avx512f"); }

}  // namespace

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const RowKernel& avx512_rows() {
  static const RowKernel kernel{"avx512", runs_here, largest, exponentials, both, slope};
  return kernel;
}

#else

const RowKernel& avx512_rows() {
  static const RowKernel kernel{"avx512", [] { return false; }, nullptr, nullptr, nullptr, nullptr};
  return kernel;
}

#endif

}  // namespace rrpo::loss
