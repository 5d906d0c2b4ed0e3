// `rrpo-train score`: what policy and reference think of each pair, without an update.
#pragma once

#include "rrpo/train/config.h"

namespace rrpo::train {

/// Writes `scores.jsonl` in `options.out`, one object per pair of `data.pairs` in file order: id, loss, reward_chosen,
/// reward_rejected, kl_chosen, and for `chosen` and `rejected` ids, marked, logp, ref_logp and kl per token (nats, nine
/// significant digits); what the objective lacks is absent. Answers under the row's other clip stand in `other` by the same
/// names, the right answer there as `other_chosen` (under the row's own clip beside `chosen`). Of a sum `loss` is the
/// weighted sum, `terms` has what each says by its name, and the rest is that of the first term which has it. What an
/// objective knows of earlier steps is nothing here. With `train.sight` also `sight`: {"blank", "shuffled"}, how much more
/// likely the chosen answer is about its clip than under that control; the summary then has the means with their 95 %
/// interval. The policy is the model with `model.adapter`, the reference the same without it. Of `train.*` micro_pairs,
/// reference_cache and sight are read, `lora.*` and `optim.*` are not.
Result score(const TrainConfig& config, const RunOptions& options);

}  // namespace rrpo::train
