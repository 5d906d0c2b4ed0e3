// Whether the ranks of a run were started for the same run.
#pragma once

#include "rrpo/train/config.h"
#include "rrpo/world/world.h"

namespace rrpo::train {

/// Throws Error(usage, "ranks"), on all ranks alike, for the first field of the configuration that differs between two of
/// them and would change the result, and for the first input file (pairs, model, tokenizer, adapter; large weights by their
/// size alone). Videos are compared where a checkpoint joins what the ranks have read.
void check_same_inputs(const world::World& world, const TrainConfig& config);

}  // namespace rrpo::train
