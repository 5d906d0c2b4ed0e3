// `rrpo-train verify-resume`: proof on a user's own data that an interrupted run ends as an undisturbed one.
#pragma once

#include "rrpo/train/config.h"

namespace rrpo::train {

struct VerifyConfig {
  TrainConfig run;
  int64_t verify_steps = 4;
  template <class V>
  void fields(V& v) {
    run.fields(v);
    v("verify_steps", verify_steps, "N: 2 N steps at once are compared with N, a stop, and N more");
  }
  void check(const std::string& at) const;
};

/// The largest distances between two runs, and the first thing in which they differ (empty: nothing does).
struct RunDifference {
  std::string first;
  double weights = 0, optimizer = 0;  ///< largest difference of two values
};

/// Compares checkpoint `step` and the metrics of two finished runs by their folders.
RunDifference compare_runs(const std::filesystem::path& a, const std::filesystem::path& b, int64_t step);

/// Trains 2 N steps at once and N, stop, N, below `options.out` in a folder of its own that it removes, and compares order,
/// metrics, weights and optimizer: bit for bit on a CPU; on a GPU, whose sums are not ordered, against the distance of two
/// equal runs. Exit code 0, 5 with the first difference, or 128 + signal.
Result verify_resume(const VerifyConfig& config, const RunOptions& options);

}  // namespace rrpo::train
