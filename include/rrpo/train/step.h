// One optimizer step: the micro-batches of a window, one denominator, one update.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "rrpo/data/loader.h"
#include "rrpo/train/metrics.h"
#include "rrpo/train/optimizer.h"
#include "rrpo/train/pass.h"
#include "rrpo/world/world.h"

namespace rrpo::train {

struct StepReport {
  MetricSums sums;
  double grad_norm = 0;                   ///< of the step's loss, before clipping
  double seconds_data = 0;                ///< that its passes waited for their samples, on the rank that waited longest
  std::vector<data::SkippedRow> skipped;  ///< rows whose media could not be read
  std::vector<std::string> ids;           ///< of its pairs, in the order in which they were taken
  bool updated = false;                   ///< false when every row of the window was skipped
};

/// Who takes a step: each rank with its own share of the rows, all with the same weights.
struct Stepper {
  const Scorer& scorer;
  const data::Dataset& dataset;
  data::Loader& loader;
  AdamW& optimizer;
  const world::World& world;
  std::set<std::string> unread = {};  ///< ids of rows that could not be read before: see step()
};

/// Takes the next window from `loader` and updates the optimizer's tensors at rate `lr`. The loss is a sum over the window's
/// rows and the gradient is divided once by what the objective averages over, so that neither the cut into micro-batches
/// matters nor who computes them: the report is that of all ranks, and so is the update, to the last bit on each. Of a sum
/// each term is divided by its own: where they average over different things, a window in which other rows are skipped than
/// `unread` names is taken twice (a row that can be read at one time only: Error(environment)). A loss or
/// gradient that is not finite throws Error(numerics) naming the pairs, before any weight changes, and the checkpoint after
/// step `saved`, if there is one. Throws Stopped between two passes when a stop was asked for, of any rank, without the
/// gradients of the passes before it: the window has not begun.
StepReport step(const Stepper& stepper, double lr, int64_t saved = 0);
/// The same for a process alone.
StepReport step(const Scorer& scorer, const data::Dataset& dataset, data::Loader& loader, AdamW& optimizer, double lr,
                int64_t saved = 0);

}  // namespace rrpo::train
