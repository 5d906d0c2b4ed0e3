// The state of a run between two steps, on disk: `checkpoints/step-000100/`, complete or absent.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "rrpo/data/dataset.h"
#include "rrpo/policy/policy.h"
#include "rrpo/train/config.h"
#include "rrpo/train/optimizer.h"

namespace rrpo::train {

/// What a run needs beside weights and optimizer state to go on. The place in the data is the step: a window is a step, and
/// the order of the rows is a function of seed and epoch.
struct Position {
  int64_t step = 0;                       ///< steps done
  int64_t steps = 0;                      ///< of the whole run
  std::vector<data::SkippedRow> skipped;  ///< rows whose media could not be read so far
};

/// Writes `out/checkpoints/step-NNNNNN` (`trained.safetensors`, `optimizer.safetensors`, `state.json`, and `adapter/` where
/// one is trained) and removes all but the newest `config.train.keep`.
void save_snapshot(const std::filesystem::path& out, policy::Policy& policy, const AdamW& optimizer,
                   const TrainConfig& config, const Position& position);

/// Throws Error(usage) for the first key of an earlier run's configuration that differs now and would change its result.
void check_same_run(const Json& config_before, const TrainConfig& config);

/// The newest checkpoint of `out`, or nothing.
std::optional<std::filesystem::path> newest_snapshot(const std::filesystem::path& out);

/// Puts weights and optimizer state back and returns where the run stands. Throws Error(usage) naming a configuration key
/// that differs from the run's and changes its result, Error(input) for a file that does not fit the model.
Position load_snapshot(const std::filesystem::path& folder, AdamW& optimizer, const TrainConfig& config);

}  // namespace rrpo::train
