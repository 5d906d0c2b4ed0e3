// `rrpo-train score`: what policy and reference think of each pair, without an update.
#pragma once

#include "rrpo/train/config.h"

namespace rrpo::train {

/// Writes `scores.jsonl` in `options.out`, one object per pair of `data.pairs` in file order: id, loss, reward_chosen,
/// reward_rejected, kl_chosen, and for `chosen` and `rejected` ids, marked, logp, ref_logp and kl per token (nats, nine
/// significant digits); what the objective lacks is absent. The policy is the model with `model.adapter`, the reference the
/// same without it. `train.*`, `lora.*` and `optim.*` are not read.
Result score(const TrainConfig& config, const RunOptions& options);

}  // namespace rrpo::train
