// A training run once it is open: model, rows, optimizer, and where it stands.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "metrics_log.h"
#include "rrpo/data/dataset.h"
#include "rrpo/data/loader.h"
#include "rrpo/data/visual_cache.h"
#include "rrpo/io/run_record.h"
#include "rrpo/loss/loss.h"
#include "rrpo/train/config.h"
#include "rrpo/train/optimizer.h"
#include "rrpo/train/pass.h"
#include "rrpo/train/snapshot.h"
#include "rrpo/train/trainer.h"
#include "rrpo/util/stop.h"

namespace rrpo::train {

/// What a run holds once it is open.
class Run {
 public:
  /// Reads the rows and makes what is trained. Throws Error for rows, rates and parts that cannot be trained.
  Run(const TrainConfig& config, const RunOptions& options, policy::Policy policy);

  Json plan() const;
  /// The plan; with `options.decode` each bad row and media stands before it, and the exit code is 8 where there is one.
  Result plan_result() const;
  void keep(io::RunHead& head) const;
  /// Puts a checkpoint of `out` back, or the beginning, and cuts everything after it off.
  void resume(const std::filesystem::path& out, const std::optional<Snapshot>& snapshot);
  /// Steps until the last one or a stop.
  void train(const std::filesystem::path& out);
  bool done() const { return last_step() && at_.unwritten.is_null(); }
  /// Writes the ledger and, when done, the trained model; returns the summary.
  Json finish(const std::filesystem::path& out);
  Json counts() const;
  int64_t skipped() const { return static_cast<int64_t>(rows_.skipped.size() + at_.skipped.size()); }

 private:
  bool skips() const { return config_.data.max_skipped > 0 || options_.decode; }
  data::LoaderRules training_rules() const;
  Scorer scorer() { return {policy_, objective_, cache_.get()}; }
  bool last_step() const { return at_.step == at_.steps; }
  bool halts() const { return stop_signal() != 0 || at_.step == options_.halt_after; }
  void cut_metrics(const std::filesystem::path& file);
  Json one_step(data::Loader& loader, int64_t saved);
  bool evaluates() const;
  void conclude_step(MetricsLog& metrics);
  Json evaluate();
  void remember(const std::vector<data::SkippedRow>& skipped);

  const TrainConfig& config_;
  const RunOptions& options_;
  loss::Objective objective_;
  policy::Policy policy_;
  data::Dataset rows_;
  AdamW optimizer_;
  std::optional<data::Dataset> held_out_;
  std::unique_ptr<data::VisualCache> cache_;
  int64_t per_epoch_ = 0;
  Position at_;
  Json last_ = nullptr;  ///< the last line of the metrics
};

}  // namespace rrpo::train
