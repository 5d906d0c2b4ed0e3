// The state of a run between two steps, on disk: `checkpoints/step-000100/`, complete or absent.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/data/loader.h"
#include "rrpo/loss/loss.h"
#include "rrpo/policy/policy.h"
#include "rrpo/train/config.h"
#include "rrpo/train/optimizer.h"

namespace rrpo::train {

/// What a run needs beside weights and optimizer state to go on. The place in the data is the step: a window is a step, and
/// the order of the rows is a function of seed and epoch.
struct Position {
  int64_t step = 0;                            ///< steps done
  int64_t steps = 0;                           ///< of the whole run
  std::vector<data::SkippedRow> skipped;       ///< rows whose media could not be read so far
  std::map<std::string, int64_t> media_bytes;  ///< of the files of each media when the run began, by its key
  data::SeenMedia seen;                        ///< what was read of them
  std::vector<loss::Past> past;                ///< by term, for an objective that reads it; empty: nothing was before
  /// Metrics of `step` that wait for their evaluation, which a stop cut short; null: they are in metrics.jsonl.
  Json unwritten = nullptr;
};

/// Writes `out/checkpoints/step-NNNNNN` (`trained.safetensors`, `optimizer.safetensors`, `state.json`, `adapter/` where one
/// is trained, and the manifest over them) and removes all but the newest `config.train.keep`. `inputs` is what the run
/// read, as io::Inputs has it.
void save_snapshot(const std::filesystem::path& out, policy::Policy& policy, const AdamW& optimizer,
                   const TrainConfig& config, const Position& position, const Json& inputs);

/// Fields that may differ between two parts of one run, and between its ranks: they move no number of its result.
const std::vector<std::string>& free_fields();

/// Throws Error(usage) for the first key of an earlier run's configuration that differs now and would change its result;
/// where that is the length of the run, with the way to a longer one. `out` is the earlier run's folder.
void check_same_run(const Json& config_before, const TrainConfig& config, const std::filesystem::path& out);

/// A checkpoint whose files are what was written.
struct Snapshot {
  std::filesystem::path folder;
  Json config, inputs;  ///< of the run that wrote it
  Position position;
};

/// The newest whole checkpoint of `out`; each damaged one that is newer is named in a warning. Nothing where there is none
/// at all. Throws Error(input, "train") where there are some and none is whole.
std::optional<Snapshot> newest_snapshot(const std::filesystem::path& out);

/// Puts weights and optimizer state back. Throws Error(input) for a tensor that does not fit the model.
void load_snapshot(const Snapshot& snapshot, AdamW& optimizer);

/// Removes the checkpoints after `step`: the run goes on before them and makes them anew.
void remove_later_snapshots(const std::filesystem::path& out, int64_t step);

}  // namespace rrpo::train
