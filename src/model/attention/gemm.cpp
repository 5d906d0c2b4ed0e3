#include "gemm.h"

// Fortran's: column by column, so that a matrix in row order is its own transpose. Weak, for a LibTorch without them.
extern "C" {
__attribute__((weak)) void sgemm_(const char* op_a, const char* op_b, const int* m, const int* n, const int* k,
                                  const float* alpha, const float* a, const int* step_a, const float* b, const int* step_b,
                                  const float* beta, float* c, const int* step_c);
__attribute__((weak)) void dgemm_(const char* op_a, const char* op_b, const int* m, const int* n, const int* k,
                                  const double* alpha, const double* a, const int* step_a, const double* b,
                                  const int* step_b, const double* beta, double* c, const int* step_c);
}

namespace rrpo::model {

namespace {

template <class T>
using Gemm = void (*)(const char*, const char*, const int*, const int*, const int*, const T*, const T*, const int*, const T*,
                      const int*, const T*, T*, const int*);

/// c^T = beta c^T + op(b)^T op(a)^T of matrices in row order.
template <class T>
void call(Gemm<T> gemm, char op_b, char op_a, Matrix<const T> a, Matrix<const T> b, int64_t m, int64_t n, int64_t k, T beta,
          Matrix<T> c) {
  const int rows = static_cast<int>(n), columns = static_cast<int>(m), inner = static_cast<int>(k);
  const int step_a = static_cast<int>(a.step), step_b = static_cast<int>(b.step), step_c = static_cast<int>(c.step);
  const T one = 1;
  gemm(&op_b, &op_a, &rows, &columns, &inner, &one, b.at, &step_b, a.at, &step_a, &beta, c.at, &step_c);
}

}  // namespace

bool has_gemm() { return &sgemm_ != nullptr && &dgemm_ != nullptr; }

void times_transposed(Matrix<const float> a, Matrix<const float> b, int64_t m, int64_t n, int64_t k, Matrix<float> c) {
  call<float>(sgemm_, 'T', 'N', a, b, m, n, k, 0, c);
}
void times_transposed(Matrix<const double> a, Matrix<const double> b, int64_t m, int64_t n, int64_t k, Matrix<double> c) {
  call<double>(dgemm_, 'T', 'N', a, b, m, n, k, 0, c);
}
void times(Matrix<const float> a, Matrix<const float> b, int64_t m, int64_t n, int64_t k, bool add, Matrix<float> c) {
  call<float>(sgemm_, 'N', 'N', a, b, m, n, k, add ? 1.0F : 0.0F, c);
}
void times(Matrix<const double> a, Matrix<const double> b, int64_t m, int64_t n, int64_t k, bool add, Matrix<double> c) {
  call<double>(dgemm_, 'N', 'N', a, b, m, n, k, add ? 1.0 : 0.0, c);
}
void add_transposed_times(Matrix<const float> a, Matrix<const float> b, int64_t m, int64_t n, int64_t k, Matrix<float> c) {
  call<float>(sgemm_, 'N', 'T', a, b, m, n, k, 1, c);
}
void add_transposed_times(Matrix<const double> a, Matrix<const double> b, int64_t m, int64_t n, int64_t k,
                          Matrix<double> c) {
  call<double>(dgemm_, 'N', 'T', a, b, m, n, k, 1, c);
}

}  // namespace rrpo::model
