// What a step reports: sums and counts first, means only when written, so that parts add up.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "rrpo/loss/loss.h"
#include "rrpo/train/pass.h"
#include "rrpo/util/json_file.h"

namespace rrpo::train {

/// Sums over the rows of a window or of an evaluation.
struct MetricSums {
  int64_t pairs = 0;
  int64_t tokens = 0;                  ///< answer tokens, chosen and rejected
  double loss = 0;                     ///< sum of the objective, before its denominator
  std::map<std::string, double> rows;  ///< sums over pairs by key: rewards/…, kl/…, logps/…

  void add(const MetricSums& other);
  /// As one rank tells another, to the last bit.
  Json told() const;
  static MetricSums heard(const Json& told);
  /// What the objective averages over.
  double denominator(loss::Average average) const {
    return static_cast<double>(average == loss::Average::pairs ? pairs : tokens);
  }
  /// `loss` over its denominator, the others over the pairs, in the contract's order, each key behind `prefix`.
  Json means(loss::Average average, const std::string& prefix = "") const;
};

/// The sums of one pass.
MetricSums measure(const Pass& pass, bool has_rejected);

}  // namespace rrpo::train
