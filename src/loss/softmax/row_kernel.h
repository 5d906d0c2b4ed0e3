// One row of logits at a time, in float32 on a CPU: read once for its largest value and once more while the cache holds it.
#pragma once

#include <cstdint>
#include <string_view>

namespace rrpo::loss {

/// Sums over a row of the policy and the same row of the reference.
struct RowSums {
  double policy = 0;  ///< of exp(policy - its shift)
  double other = 0;   ///< of exp(reference - its shift)
  double gap = 0;     ///< of exp(reference - its shift) * (reference - policy)
};

/// The gradient at a row's logits but for the label: pull * (ratio * policy - other) + push * policy, of what `exponentials`
/// left of the two rows. Where both models agree, ratio is 1 and the pull is zero to the last bit.
struct RowSlope {
  float ratio = 0, pull = 0, push = 0;
};

/// One way to go over a row. `size` may be anything, rows need no alignment. A NaN in a row comes out of every sum.
struct RowKernel {
  const char* name;
  bool (*runs_here)();
  /// The largest value of a row; any value of it, where one is NaN.
  float (*largest)(const float* row, int64_t size);
  /// row[i] = exp(row[i] - shift), with a shift not below the largest; the sum. Results below 2^-126 are 0.
  double (*exponentials)(float* row, int64_t size, float shift);
  /// The same for the rows of both models at once.
  RowSums (*both)(float* policy, float* other, int64_t size, float policy_shift, float other_shift);
  /// `other` may be null where the pull is 0: it is not read then.
  void (*slope)(const float* policy, const float* other, int64_t size, const RowSlope& slope, float* out);
};

const RowKernel& plain_rows();   ///< the reference: a loop with the library's exp, sums in double
const RowKernel& avx2_rows();    ///< with FMA
const RowKernel& avx512_rows();  ///< the same bits as avx2_rows()

/// The one of this name (plain, avx2, avx512); null for `aten`: operators of tensors instead. A name that is none of them,
/// or one that does not run here: Error(usage).
const RowKernel* rows_named(std::string_view name);
/// The one that RRPO_ROW_KERNEL names, read once; else the widest that runs here.
const RowKernel* chosen_rows();

}  // namespace rrpo::loss
