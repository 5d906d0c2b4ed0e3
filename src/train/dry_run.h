// What `rrpo-train --dry-run` says a run costs.
#pragma once

#include "rrpo/data/dataset.h"
#include "rrpo/loss/loss.h"
#include "rrpo/policy/policy.h"
#include "rrpo/train/config.h"
#include "rrpo/train/optimizer.h"

namespace rrpo::train {

/// A run that is open: everything read, checked and counted. The tensors of `policy` and `optimizer` may be shapes alone.
struct OpenRun {
  const TrainConfig& config;
  const loss::Objective& objective;
  const policy::Policy& policy;
  const data::Dataset& rows;
  const AdamW& optimizer;
  int64_t steps = 0;
  int64_t ranks = 1;
};

/// Warm-up, tokens, FLOP, time, memory and disk. `seconds_per_step_at_least` is the step's FLOP at the speed of a matrix
/// product of its shape, timed here for a fifth of a second; `seconds_at_least` adds the self-check before the first one.
Json plan_json(const OpenRun& run);

}  // namespace rrpo::train
