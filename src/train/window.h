// A window as its ranks took it, and what they tell each other of it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "rrpo/train/metrics.h"
#include "rrpo/train/parameters.h"
#include "rrpo/train/step.h"
#include "rrpo/util/json_file.h"

namespace rrpo::train {

/// What a pass came to.
struct PassReport {
  int64_t number = 0;         ///< in the window
  std::vector<int64_t> rows;  ///< of the dataset
  std::vector<std::string> ids;
  std::vector<data::SkippedRow> skipped;
  MetricSums sums = {};
  at::Tensor norm = {};  ///< of the gradients after it, on their device; undefined where there are none
};

/// What a rank did of a window.
struct Part {
  std::vector<PassReport> passes;
  double seconds_data = 0;
  int64_t window = 0;
  bool whole = true;  ///< false where passes were left out, for rows that nobody knew to be bad
};

/// A part as one rank tells the others.
Json told(const Part& part, const Parameters& weights);

/// The window as all ranks saw it, its passes in their order: sums then add up as in one process.
StepReport joined(const std::vector<Json>& parts);

/// The rows of all ranks that were read, in ascending order.
std::vector<int64_t> rows_of(const std::vector<Json>& parts);

}  // namespace rrpo::train
