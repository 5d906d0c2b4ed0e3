// What operators of tensors take several passes and temporaries for, in one pass over float32 rows on a CPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace rrpo::model {

/// Functions over rows that stand one after the other. No argument overlaps a result.
struct RowMath {
  bool (*runs_here)();
  /// silu(gate) * up of n values.
  void (*gated)(const float* gate, const float* up, int64_t n, float* out);
  /// The gradients of gate and up, given the one of gated(); `to_gate` may be `gradient`.
  void (*gated_back)(const float* gate, const float* up, const float* gradient, int64_t n, float* to_gate, float* to_up);
  /// The form of GELU that is made of tanh, of n values.
  void (*gelu_tanh)(const float* x, int64_t n, float* out);
  /// 1 / sqrt(mean(x^2) + eps) of a row.
  float (*inverse_rms)(const float* x, int64_t width, double eps);
  /// x * scale * weight of a row.
  void (*normed)(const float* x, float scale, const float* weight, int64_t width, float* out);
  /// The gradient of a row x, given the one of its normed().
  void (*normed_back)(const float* gradient, const float* x, float scale, const float* weight, int64_t width, float* out);
  /// The two halves of a head, `half` values each, turned by its row's angles; `sign` -1 turns back.
  void (*turned)(const float* head, const float* cos, const float* sin, float sign, int64_t half, float* out);
  /// x W^T + bias of `rows` rows [width], at most kFewRows of them, for the columns [begin, end): W [columns, width], the
  /// result [rows, columns]. Each value of W is read once. `bias` may be null.
  void (*few_rows)(const float* x, int64_t rows, int64_t width, const float* weight, const float* bias, int64_t columns,
                   int64_t begin, int64_t end, float* out);
};

/// A product of so few rows reads its matrix and does little else; libraries for large products repack it first.
inline constexpr int64_t kFewRows = 8;

const RowMath& avx2_math();  ///< with FMA

/// True on a CPU that has AVX2, unless RRPO_ROW_KERNEL is aten or plain: operators of tensors then.
bool rows_by_hand();
/// The kernels for tensors like `x`: float32 on a CPU with rows_by_hand(), else null.
const RowMath* row_math(const at::Tensor& x);

}  // namespace rrpo::model
