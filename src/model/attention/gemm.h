// Products of matrices where they stand: the BLAS that LibTorch brings along, called without a tensor for each of them.
#pragma once

#include <cstdint>

namespace rrpo::model {

/// A matrix in row order inside a larger one: `step` values from row to row.
template <class T>
struct Matrix {
  T* at = nullptr;
  int64_t step = 0;
};

/// False where the LibTorch of this machine keeps its BLAS to itself: nothing below may be called then.
bool has_gemm();

/// c [m, n] = a [m, k] b [n, k]^T.
void times_transposed(Matrix<const float> a, Matrix<const float> b, int64_t m, int64_t n, int64_t k, Matrix<float> c);
void times_transposed(Matrix<const double> a, Matrix<const double> b, int64_t m, int64_t n, int64_t k, Matrix<double> c);
/// c [m, n] = a [m, k] b [k, n], or with `add` c + that.
void times(Matrix<const float> a, Matrix<const float> b, int64_t m, int64_t n, int64_t k, bool add, Matrix<float> c);
void times(Matrix<const double> a, Matrix<const double> b, int64_t m, int64_t n, int64_t k, bool add, Matrix<double> c);
/// c [m, n] += a [k, m]^T b [k, n].
void add_transposed_times(Matrix<const float> a, Matrix<const float> b, int64_t m, int64_t n, int64_t k, Matrix<float> c);
void add_transposed_times(Matrix<const double> a, Matrix<const double> b, int64_t m, int64_t n, int64_t k, Matrix<double> c);

}  // namespace rrpo::model
