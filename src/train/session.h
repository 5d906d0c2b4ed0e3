// What training and scoring open in the same way: objective, model, rows, cache.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "rrpo/data/dataset.h"
#include "rrpo/data/loader.h"
#include "rrpo/data/visual_cache.h"
#include "rrpo/io/run_record.h"
#include "rrpo/loss/loss.h"
#include "rrpo/policy/policy.h"
#include "rrpo/train/config.h"

namespace rrpo::train {

/// The rows of `files` by the needs of `objective`.
data::Dataset open_rows(const std::vector<std::filesystem::path>& files, const TrainConfig& config,
                        const policy::Policy& policy, const loss::Objective& objective, bool skip_bad_rows);

/// The rules of a loader over training rows; `shuffle` and `batch` differ between training, held-out rows and scoring.
data::LoaderRules loader_rules(const TrainConfig& config, bool shuffle, int64_t batch, bool skip_bad_media);

/// Rows of one pass: `train.micro_pairs`, but never less than a group of one video.
int64_t micro_rows(const TrainConfig& config);

/// A cache for a frozen vision tower, with its folder where the configuration names one.
std::unique_ptr<data::VisualCache> open_cache(const TrainConfig& config, policy::Policy& policy,
                                              const loss::Objective& objective);

/// Throws Error(usage) unless the configuration names a model and pairs.
void require_inputs(const TrainConfig& config);

/// Lets an overwriting run remove neither the model nor what the rows of `rows` show.
void keep_inputs(io::RunHead& head, const TrainConfig& config, const data::Dataset& rows);

/// Calls `work`. What it throws is noted in `record` first: a fault with its exit code, out of memory as
/// Error(environment), a stop as such; a stop is then a result, the others go on their way.
Result with_record(io::RunRecord& record, const std::function<Result()>& work);

/// Calls `work`; a stop is a result.
Result with_stops(const std::function<Result()>& work);

/// Throws Error(usage) for a number of threads that no machine has.
void check_threads(int64_t threads);

/// Threads inside a tensor operation, for the whole process.
void set_tensor_threads(int64_t threads);

}  // namespace rrpo::train
