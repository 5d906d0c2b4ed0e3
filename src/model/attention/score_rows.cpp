#include "score_rows.h"

#include <cmath>
#include <limits>

namespace rrpo::model {

namespace {

template <class T>
void clear_unseen(T* row, int64_t columns, const Seen& seen) {
  int64_t column = 0;
  for (int64_t r = 0; r < seen.count; ++r) {
    for (; column < seen.ranges[r].begin; ++column) row[column] = 0;
    column = seen.ranges[r].end();
  }
  for (; column < columns; ++column) row[column] = 0;
}

template <class Use>
void each_seen(const Seen& seen, const Use& use) {
  for (int64_t r = 0; r < seen.count; ++r) {
    for (int64_t i = seen.ranges[r].begin; i < seen.ranges[r].end(); ++i) use(i);
  }
}

template <class T>
Softened<T> soften(T* scores, int64_t columns, const Seen& seen) {
  Softened<T> row{-std::numeric_limits<T>::infinity(), 0};
  each_seen(seen, [&](int64_t i) { row.top = scores[i] > row.top ? scores[i] : row.top; });
  each_seen(seen, [&](int64_t i) { row.sum += scores[i] = std::exp(scores[i] - row.top); });
  clear_unseen(scores, columns, seen);
  return row;
}

template <class T>
void back(T* scores, T* gradients, int64_t columns, const Seen& seen, T lse, T along) {
  each_seen(seen, [&](int64_t i) {
    scores[i] = std::exp(scores[i] - lse);
    gradients[i] = scores[i] * (gradients[i] - along);
  });
  clear_unseen(scores, columns, seen);
  clear_unseen(gradients, columns, seen);
}

}  // namespace

const ScoreRows<float>& plain_scores(float) {
  static const ScoreRows<float> rows{soften<float>, back<float>};
  return rows;
}
const ScoreRows<double>& plain_scores(double) {
  static const ScoreRows<double> rows{soften<double>, back<double>};
  return rows;
}

}  // namespace rrpo::model
