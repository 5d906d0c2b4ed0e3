// One micro-batch through policy, reference and objective.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/data/equal_media.h"
#include "rrpo/data/pair_batch.h"
#include "rrpo/data/reference_cache.h"
#include "rrpo/data/visual_cache.h"
#include "rrpo/loss/loss.h"
#include "rrpo/policy/policy.h"

namespace rrpo::train {

/// Who is asked, and by what measure. `cache` is given only while vision tower and projector are frozen; `references`, only
/// beside it, while the decoder without its adapter is too.
struct Scorer {
  policy::Policy& policy;
  const loss::Objective& objective;
  data::VisualCache* cache = nullptr;
  data::ReferenceCache* references = nullptr;
  model::PassRules rules = {};                    ///< of the policy's pass; the reference keeps nothing anyway
  const std::vector<loss::Past>* past = nullptr;  ///< by term; null: nothing was before
  /// Told of the tokens of each clip, where it is given: only while vision tower and projector are frozen, since tokens of
  /// two steps are compared.
  data::EqualMedia* media = nullptr;
};

struct Pass {
  data::PackedPairs packed;
  loss::TokenStats stats;
  std::vector<loss::LossOutput> outputs;  ///< by term of the objective, [P] each
  /// Pairs for which the reference was not run, since a cache had its rows; absent where none was asked.
  std::optional<int64_t> reference_hits = {};
};

/// Encodes what no cache had, packs the rows, runs the decoder over them (and, where the objective has a reference whose
/// rows no cache has, again with the adapter off), and applies the objective. Differentiable in whatever requires a
/// gradient. On a GPU it returns before that is done, but for what it gives to caches and `media`. Throws Error(input,
/// "data") for a row that is longer than the model.
Pass forward(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch);
/// The same from packed rows; the reference may see other visual tokens of the same clips.
Pass forward(const Scorer& scorer, data::PackedPairs packed, const std::vector<model::VisualTokens>& visual,
             const std::vector<model::VisualTokens>& reference_visual);

/// The ids of the pairs of which a loss, a log-probability or a divergence is not finite.
std::vector<std::string> pairs_not_finite(const Pass& pass, const data::PairBatch& batch);
/// The weighted sum of the terms' losses over the pairs of a pass: what is differentiated. `over`, where it is given, is
/// what each term averages over: the others then stand to the first as their means do, and the whole is divided by the
/// first's.
at::Tensor total_loss(const Pass& pass, const loss::Objective& objective, const std::vector<double>& over = {});
/// Throws Error(numerics, "score") naming such pairs.
void check_finite(const Pass& pass, const data::PairBatch& batch);

}  // namespace rrpo::train
