// A row of attention scores to probabilities, and the gradient on its way back, over the columns that its query sees.
#pragma once

#include <cstdint>

namespace rrpo::model {

/// [begin, begin + length).
struct Range {
  int64_t begin = 0, length = 0;
  int64_t end() const { return begin + length; }
};

/// The columns of a row that count: `count` ranges, ascending and apart.
struct Seen {
  const Range* ranges = nullptr;
  int64_t count = 0;
};

/// Of a row before its values were divided by their sum.
template <class T>
struct Softened {
  T top = 0;  ///< the largest score
  T sum = 0;  ///< of exp(score - top)
};

/// One way to go over a row. Zeros are left in columns that are not seen; a NaN comes out of every sum.
template <class T>
struct ScoreRows {
  /// scores: exp(score - top).
  Softened<T> (*soften)(T* scores, int64_t columns, const Seen& seen) = nullptr;
  /// scores: p = exp(score - lse). gradients: p (gradient - along).
  void (*back)(T* scores, T* gradients, int64_t columns, const Seen& seen, T lse, T along) = nullptr;
};

const ScoreRows<double>& plain_scores();  ///< the reference, by loops
const ScoreRows<float>& avx2_scores();    ///< with FMA; null where row_math.h has no kernels

}  // namespace rrpo::model
