// `rrpo-train`: pairs and a model to an adapter or a whole checkpoint.
#pragma once

#include "rrpo/train/config.h"

namespace rrpo::train {

/// Trains and leaves in `options.out`: run.json, metrics.jsonl (and events.out.tfevents.rrpo where it is wanted),
/// ledger.jsonl, checkpoints/, adapter/ or model/, report.html. The summary names steps, pairs used, final metrics and the
/// output folder; exit code 0, 8 (finished with more skipped rows than allowed) or 128 + signal (stopped after a step and
/// saved: `Existing::resume` goes on). With `dry_run` the summary is the plan. Throws Error for everything else; the weights
/// of a step that is not finite are never updated.
Result run(const TrainConfig& config, const RunOptions& options);

}  // namespace rrpo::train
