// The row kernel over sixteen values at a time. Included once by each file that says what sixteen values are (`Lanes` and
// what can be done with them) and for which processor, inside that file's nameless namespace: hence no guard and no
// includes.
//
// exp(x) for x <= 0: x = n ln 2 + r with |r| <= ln 2 / 2 and exp(r) = 1 + r + r^2 q(r). q is a minimax polynomial (fitted
// for this file; relative error of exp 3e-9), so that rounding alone is left: at most 1.01 ulp, seen over every float in
// [-87.33, 0]. Every product that meets a sum is written as one fused operation, so no compiler can choose: AVX2 and AVX-512
// agree in every bit. A block of 1024 values is summed in float32, blocks in double.

constexpr int64_t kLanes = 16, kBlock = 64 * kLanes;
constexpr float kLowest = -3.4028235e38F;  // what stands behind the end of a row: exp makes 0 of it
constexpr float kSmallest = -87.33F;       // below it exp would be no normal number

Lanes exponential(Lanes x) {
  const Lanes n = nearest(times(x, all(0x1.715476p+0F)));
  const Lanes r = fused(n, all(0x1.05c61p-29F), fused(n, all(-0x1.62e43p-1F), x));
  Lanes q = all(0x1.6a2448p-10F);
  q = fused(q, r, all(0x1.1239d6p-7F));
  q = fused(q, r, all(0x1.5558f2p-5F));
  q = fused(q, r, all(0x1.555492p-3F));
  q = fused(q, r, all(0x1.fffffcp-2F));
  return times_power_or_zero(plus(fused(times(r, r), q, r), all(1)), n, x, all(kSmallest));
}

/// Sixteen values of a row, of which the last may be missing.
Lanes load_part(const float* row, int64_t count) {
  if (count >= kLanes) return load(row);
  float values[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) values[i] = i < count ? row[i] : kLowest;
  return load(values);
}

void store_part(float* row, Lanes lanes, int64_t count) {
  if (count >= kLanes) return store(row, lanes);
  float values[kLanes];
  store(values, lanes);
  for (int64_t i = 0; i < count; ++i) row[i] = values[i];
}

double total(Lanes lanes) {
  float values[kLanes];
  store(values, lanes);
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  return sum;
}

float largest(const float* row, int64_t size) {
  Lanes top = all(kLowest);
  for (int64_t i = 0; i < size; i += kLanes) top = larger(top, load_part(row + i, size - i));
  float values[kLanes];
  store(values, top);
  float result = values[0];
  for (const float value : values) result = value > result ? value : result;
  return result;
}

double exponentials(float* row, int64_t size, float shift) {
  double sum = 0;
  for (int64_t begin = 0; begin < size; begin += kBlock) {
    const int64_t end = begin + kBlock < size ? begin + kBlock : size;
    Lanes block = all(0);
    for (int64_t i = begin; i < end; i += kLanes) {
      const Lanes e = exponential(minus(load_part(row + i, end - i), all(shift)));
      store_part(row + i, e, end - i);
      block = plus(block, e);
    }
    sum += total(block);
  }
  return sum;
}

RowSums both(float* policy, float* other, int64_t size, float policy_shift, float other_shift) {
  RowSums sums;
  for (int64_t begin = 0; begin < size; begin += kBlock) {
    const int64_t end = begin + kBlock < size ? begin + kBlock : size;
    Lanes of_policy = all(0), of_other = all(0), gap = all(0);
    for (int64_t i = begin; i < end; i += kLanes) {
      const Lanes p = load_part(policy + i, end - i), r = load_part(other + i, end - i);
      const Lanes e_p = exponential(minus(p, all(policy_shift))), e_r = exponential(minus(r, all(other_shift)));
      store_part(policy + i, e_p, end - i);
      store_part(other + i, e_r, end - i);
      of_policy = plus(of_policy, e_p);
      of_other = plus(of_other, e_r);
      gap = fused(e_r, minus(r, p), gap);
    }
    sums.policy += total(of_policy);
    sums.other += total(of_other);
    sums.gap += total(gap);
  }
  return sums;
}

void slope(const float* policy, const float* other, int64_t size, const RowSlope& slope, float* out) {
  const Lanes ratio = all(slope.ratio), pull = all(slope.pull), push = all(slope.push);
  for (int64_t i = 0; i < size; i += kLanes) {
    const Lanes p = load_part(policy + i, size - i);
    Lanes result = times(push, p);
    if (other != nullptr) result = fused(pull, fused_less(ratio, p, load_part(other + i, size - i)), result);
    store_part(out + i, result, size - i);
  }
}
