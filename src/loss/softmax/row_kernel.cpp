#include "row_kernel.h"

#include <cmath>

namespace rrpo::loss {

namespace {

float largest(const float* row, int64_t size) {
  float result = row[0];
  for (int64_t i = 1; i < size; ++i) result = row[i] > result ? row[i] : result;
  return result;
}

double exponentials(float* row, int64_t size, float shift) {
  double sum = 0;
  for (int64_t i = 0; i < size; ++i) {
    row[i] = std::exp(row[i] - shift);
    sum += static_cast<double>(row[i]);
  }
  return sum;
}

RowSums both(float* policy, float* other, int64_t size, float policy_shift, float other_shift) {
  double gap = 0;
  for (int64_t i = 0; i < size; ++i) {
    gap += static_cast<double>(std::exp(other[i] - other_shift)) * static_cast<double>(other[i] - policy[i]);
  }
  return {exponentials(policy, size, policy_shift), exponentials(other, size, other_shift), gap};
}

void slope(const float* policy, const float* other, int64_t size, const RowSlope& slope, float* out) {
  for (int64_t i = 0; i < size; ++i) {
    out[i] = slope.push * policy[i];
    if (other != nullptr) out[i] += slope.pull * std::fma(slope.ratio, policy[i], -other[i]);
  }
}

}  // namespace

const RowKernel& plain_rows() {
  static const RowKernel kernel{"plain", [] { return true; }, largest, exponentials, both, slope};
  return kernel;
}

}  // namespace rrpo::loss
