// A run in the numbers that a plan is made of.
#pragma once

#include "rrpo/data/dataset.h"
#include "rrpo/loss/loss.h"
#include "rrpo/policy/policy.h"
#include "rrpo/train/config.h"
#include "rrpo/train/plan.h"

namespace rrpo::train {

/// What LibTorch and the program take before they compute anything.
inline constexpr int64_t kProgramBytes = 200'000'000;

struct PlannedPass {
  ModelShape shape;
  PairRows mean;     ///< of one pass
  PairRows largest;  ///< a pass of the longest rows
  StepKind kind;
  MemoryRules rules;
};

/// The tensors of `policy` may be shapes alone, with its adapter or before it has one. `ranks` share the run.
PlannedPass plan_pass(const TrainConfig& config, const loss::Objective& objective, const policy::Policy& policy,
                      const data::Dataset& rows, int64_t ranks);

}  // namespace rrpo::train
