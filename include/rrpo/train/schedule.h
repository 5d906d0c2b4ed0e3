// Learning rates over the steps of a run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rrpo/train/config.h"

namespace rrpo::train {

/// Names of the shapes after the warm-up.
const std::vector<std::string>& schedules();

/// ceil(ratio x steps).
int64_t warmup_steps(double ratio, int64_t steps);

/// The rate of step `step`, counted from 0, of a run of `steps`: rising from 0 by equal parts during the warm-up w, then
/// with progress x = (step - w) / (steps - w): cosine lr (1 + cos(pi x)) / 2, linear lr (1 - x), or constant lr. Source: the
/// shapes of the same names in transformers.
double learning_rate(const OptimConfig& optim, int64_t step, int64_t steps);

/// Throws Error(usage) where every rate of a run of `steps` is 0: it would change nothing. Says so in the log where only the
/// first one is.
void check_rates(const OptimConfig& optim, int64_t steps);

}  // namespace rrpo::train
