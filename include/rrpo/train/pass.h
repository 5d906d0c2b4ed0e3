// One micro-batch through policy, reference and objective.
#pragma once

#include <ATen/core/Tensor.h>

#include "rrpo/data/pair_batch.h"
#include "rrpo/data/visual_cache.h"
#include "rrpo/loss/loss.h"
#include "rrpo/policy/policy.h"

namespace rrpo::train {

/// Who is asked, and by what measure. `cache` is given only while vision tower and projector are frozen.
struct Scorer {
  policy::Policy& policy;
  const loss::Objective& objective;
  data::VisualCache* cache = nullptr;
};

struct Pass {
  loss::TokenStats stats;
  loss::LossOutput output;  ///< [P]
};

/// Encodes what no cache had, runs the decoder over the packed rows (and again with the adapter off where the objective has
/// a reference), and applies the objective. Differentiable in whatever requires a gradient.
Pass forward(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch);

}  // namespace rrpo::train
