// Eight float32 values at a time. Included once by each file that has asked for AVX2 and FMA, inside its nameless namespace:
// hence no guard and no includes.

constexpr int64_t kLanes = 8;

__m256 all(float value) { return _mm256_set1_ps(value); }

/// Eight values of a row, of which the last may be missing: zeros then.
__m256 load_part(const float* row, int64_t count) {
  if (count >= kLanes) return _mm256_loadu_ps(row);
  float values[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) values[i] = row[i];
  return _mm256_loadu_ps(values);
}

void store_part(float* row, __m256 lanes, int64_t count) {
  if (count >= kLanes) return _mm256_storeu_ps(row, lanes);
  float values[kLanes];
  _mm256_storeu_ps(values, lanes);
  for (int64_t i = 0; i < count; ++i) row[i] = values[i];
}

double total(__m256 lanes) {
  float values[kLanes];
  _mm256_storeu_ps(values, lanes);
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  return sum;
}

/// exp(x) for x <= 0 as the loss's rows have it: x = n ln 2 + r, exp(r) = 1 + r + r^2 q(r).
__m256 exponential(__m256 x) {
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, all(0x1.715476p+0F)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m256 r = _mm256_fmadd_ps(n, all(0x1.05c61p-29F), _mm256_fmadd_ps(n, all(-0x1.62e43p-1F), x));
  __m256 q = all(0x1.6a2448p-10F);
  q = _mm256_fmadd_ps(q, r, all(0x1.1239d6p-7F));
  q = _mm256_fmadd_ps(q, r, all(0x1.5558f2p-5F));
  q = _mm256_fmadd_ps(q, r, all(0x1.555492p-3F));
  q = _mm256_fmadd_ps(q, r, all(0x1.fffffcp-2F));
  const __m256 value = _mm256_add_ps(_mm256_fmadd_ps(_mm256_mul_ps(r, r), q, r), all(1));
  const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  const __m256 kept = _mm256_cmp_ps(x, all(-87.33F), _CMP_NLT_UQ);  // true for a NaN, which stays one
  return _mm256_and_ps(kept, _mm256_mul_ps(value, _mm256_castsi256_ps(power)));
}
