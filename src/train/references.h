// Whether a run keeps what its reference says, where, and how much of it.
#pragma once

#include <cstdint>
#include <memory>

#include "rrpo/data/reference_cache.h"
#include "rrpo/loss/loss.h"
#include "rrpo/policy/policy.h"
#include "rrpo/train/config.h"

namespace rrpo::train {

/// A cache for the reference of a training run; null where the objective has none, the eye is trained, the field is off, or
/// no pass comes twice and no folder is given. With a folder the decoder's weights are hashed (reference_key()).
std::unique_ptr<data::ReferenceCache> open_references(const TrainConfig& config, policy::Policy& policy,
                                                      const loss::Objective& objective);

/// The same for scoring, which sees each row once: the folder alone, for the runs that follow.
std::unique_ptr<data::ReferenceCache> open_scored_references(const TrainConfig& config, policy::Policy& policy,
                                                             const loss::Objective& objective);

/// What of `data.cache_memory_mb` is left to visual tokens: all but an eighth where a training run keeps its reference's
/// rows in memory too. Those save more for a byte (0.9 MB and a pass through a decoder of 7B, against 24 MB and one through
/// the eye), so that an eighth serves four times as many pairs as the rest serves clips.
int64_t visual_cache_bytes(const TrainConfig& config, const loss::Objective& objective);

}  // namespace rrpo::train
