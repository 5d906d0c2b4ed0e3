// The shared pass against plain ones: before the first step a run proves on one pair that both say the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "rrpo/data/loader.h"
#include "rrpo/train/pass.h"

namespace rrpo::train {

struct Asked;  // src/train/asked.h

/// How far two ways to ask about the same answers are apart, in nats of a token's log-probability.
struct SelfCheck {
  std::string pair;       ///< its id
  int64_t tokens = 0;     ///< compared, under the policy and under the reference where there is one
  double difference = 0;  ///< the largest
  double allowed = 0;
  std::string where;  ///< the token of the largest
  double seconds = 0;

  bool passed() const { return difference <= allowed; }  ///< never with a difference that is no number
};

/// Compares `shared`, a pass over the one pair of `batch` in which the policy is asked `asked`, with a pass for each of its
/// answers: clip, question and answer as one sequence without branches. Label by label of the answers; in double up to 1e-9,
/// in float32 up to 1e-4. In bfloat16 a plain pass rounds too: up to four times the spread of two plain passes, the second
/// of which stands beside a copy of itself and sees visual tokens that differ by their last bit, or kLeastSpread where that
/// is more. Nothing where `shared` is not finite: who takes a step says so and names the pairs.
std::optional<SelfCheck> compare_with_plain(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch,
                                            const Asked& asked, const Pass& shared);

/// The same for the first pair that a loader by `rules` hands out in `window`, as training packs it, with its own clips:
/// neither caches nor `rules.seen` are read or written, and no gradient is made. Nothing where no row of it can be read.
/// Throws Error(numerics) for a check that is not passed, naming tokens and difference.
std::optional<SelfCheck> self_check(const Scorer& scorer, const data::Dataset& dataset, data::LoaderRules rules,
                                    int64_t window);

/// How often models go forward for a check at most: in the shared pass, and for each answer once or, for the spread, twice.
int64_t most_forwards_of_check(const loss::Objective& objective);

/// Throws that Error.
void require_passed(const SelfCheck& check);
/// What is said of a check that was passed: one line.
std::string line_of(const SelfCheck& check);

}  // namespace rrpo::train
