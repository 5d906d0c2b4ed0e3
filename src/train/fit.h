// `train.fit`: the least that must be given up for a run to fit its device.
#pragma once

#include "rrpo/train/config.h"

namespace rrpo::train {

/// What `train.fit` chooses for a run, from the shapes of its model, the lengths of its rows and how many `ranks` share it:
/// `model.frozen`, `train.recompute`, `train.memory_gb` (the device's where none is given); and why: the planned bytes of
/// the choice, and of the run with nothing given up. Null where the field is off. A note says it. Throws Error(environment,
/// "plan") with the least bytes that would do where nothing fits, Error(usage) on a CPU without `train.memory_gb`.
Json choose_fit(const TrainConfig& config, int64_t ranks);

/// The configuration with what choose_fit() chose.
TrainConfig with_fit(TrainConfig config, const Json& chosen);

}  // namespace rrpo::train
