// What a step reports: sums and counts first, means only when written, so that parts add up.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "rrpo/loss/loss.h"
#include "rrpo/train/pass.h"
#include "rrpo/train/sight.h"
#include "rrpo/util/json_file.h"

namespace rrpo::train {

/// What one term of the objective comes to.
struct TermSums {
  double loss = 0;     ///< its sum, before its denominator and weight
  double over = 0;     ///< its denominator: what it averages over
  double rewards = 0;  ///< of chosen and rejected answers, for terms that read them later
};

/// Sums over the rows of a window or of an evaluation.
struct MetricSums {
  int64_t pairs = 0;
  int64_t tokens = 0;                  ///< answer tokens of all roles
  std::vector<TermSums> terms;         ///< by term; empty before the first pass
  std::map<std::string, double> rows;  ///< sums over pairs by key: rewards/…, kl/…, logps/…
  SightRows sight = {};                ///< of held-out pairs, where they were asked about under controls

  void add(const MetricSums& other);
  /// As one rank tells another, to the last bit.
  Json told() const;
  static MetricSums heard(const Json& told);
  /// The weighted sum of the terms, each over its denominator.
  double loss(const loss::Objective& objective) const;
  /// `loss`, of a sum also `loss/NAME` of its terms; the others over the pairs, in the contract's order, each key behind
  /// `prefix`, but for `sight/NAME`, over the pairs that count for it.
  Json means(const loss::Objective& objective, const std::string& prefix = "") const;
};

/// The sums of one pass.
MetricSums measure(const Pass& pass, const loss::Objective& objective);

}  // namespace rrpo::train
