#include "score_rows.h"

#include <cmath>
#include <limits>

namespace rrpo::model {

namespace {

void clear_unseen(double* row, int64_t columns, const Seen& seen) {
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

Softened<double> soften(double* scores, int64_t columns, const Seen& seen) {
  Softened<double> row{-std::numeric_limits<double>::infinity(), 0};
  each_seen(seen, [&](int64_t i) { row.top = scores[i] > row.top ? scores[i] : row.top; });
  each_seen(seen, [&](int64_t i) { row.sum += scores[i] = std::exp(scores[i] - row.top); });
  clear_unseen(scores, columns, seen);
  return row;
}

void back(double* scores, double* gradients, int64_t columns, const Seen& seen, double lse, double along) {
  each_seen(seen, [&](int64_t i) {
    scores[i] = std::exp(scores[i] - lse);
    gradients[i] = scores[i] * (gradients[i] - along);
  });
  clear_unseen(scores, columns, seen);
  clear_unseen(gradients, columns, seen);
}

}  // namespace

const ScoreRows<double>& plain_scores() {
  static const ScoreRows<double> rows{soften, back};
  return rows;
}

}  // namespace rrpo::model
