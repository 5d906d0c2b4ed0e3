// What policy and reference are asked in a pass: the clips that they see, and the rows about them.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "rrpo/data/pair_batch.h"
#include "rrpo/train/pass.h"

namespace rrpo::train {

using Visual = std::vector<model::VisualTokens>;
using Clips = std::vector<const data::Clip*>;

/// Rows about clips, and the visual tokens of these in the order in which the rows number them.
struct Asked {
  data::PackedPairs packed;
  Clips clips;
  Visual visual;
};

/// What the policy is asked. Throws Error(input, "data") for a row that is longer than the model.
Asked ask_policy(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch);

/// forward() for a caller who knows what the policy is asked.
Pass forward(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch, Asked asked);

/// The clips of a batch, in their order, under which a role is shown to the policy or to the reference.
Clips shown_clips(const data::Dataset& dataset, const data::PairBatch& batch, bool to_reference);
/// Clips as prompts show them, now that it is known how many tokens they come to.
std::vector<data::ShownClip> prompted(const Scorer& scorer, const data::Dataset& dataset, const Clips& clips,
                                      const Visual& visual);
/// The rows of a batch about clips. Throws Error(input, "data") for a row that is longer than the model.
data::PackedPairs pack(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch, const Clips& seen,
                       const Visual& visual, bool to_reference);

/// The reference of a pass: rows that a cache had, or what it sees.
struct Reference {
  Visual visual;
  std::optional<data::PackedPairs> apart = {};  ///< its rows, where it is asked about other clips than the policy
  std::string name = {};                        ///< of what it says in the cache; empty: none is asked
  at::Tensor kept = {};                         ///< what the cache had under that name
};

/// What the reference is asked, where `policy` is what the policy is asked, and what a cache knows of its answer.
Reference ask_reference(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch,
                        const Asked& policy);

/// For each read row of `policy` the one of `reference` that reads the same token of the same answer, [M] int64: about
/// other clips the same answers may stand in another order.
at::Tensor aligned(const data::PackedPairs& policy, const data::PackedPairs& reference);

}  // namespace rrpo::train
