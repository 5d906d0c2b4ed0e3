// A training run once it is open: model, rows, optimizer, and where it stands.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "earlier.h"
#include "rrpo/data/dataset.h"
#include "rrpo/data/loader.h"
#include "rrpo/data/reference_cache.h"
#include "rrpo/data/visual_cache.h"
#include "rrpo/io/run_record.h"
#include "rrpo/loss/loss.h"
#include "rrpo/train/config.h"
#include "rrpo/train/optimizer.h"
#include "rrpo/train/pass.h"
#include "rrpo/train/snapshot.h"
#include "rrpo/train/step.h"
#include "rrpo/train/trainer.h"
#include "rrpo/world/world.h"

namespace rrpo::train {

/// The ranks that share a run; of a plan, whose process has met nobody, those that the launcher has started.
int64_t ranks_of(const world::World& world, const RunOptions& options);

/// What a run holds once it is open, on each of its ranks. They stand at the same place with the same weights; files are the
/// first one's, and `out` is read and written there only.
class Run {
 public:
  /// Reads the rows and makes what is trained. Throws Error for rows, rates and parts that cannot be trained.
  Run(const TrainConfig& config, const RunOptions& options, const world::World& world, policy::Policy policy);

  Json plan() const;
  /// The plan; with `options.decode` each bad row and media stands before it, and the exit code is 8 where there is one.
  Result plan_result() const;
  void keep(io::RunHead& head) const;
  /// Puts what an earlier part left in `out` back, or the beginning, and cuts everything after it off; `earlier` is that of
  /// the first rank. The others then have its weights, moments and place.
  void begin(const std::filesystem::path& out, const std::optional<Earlier>& earlier);
  /// Steps until the last one or a stop.
  void train(const std::filesystem::path& out);
  bool done() const { return last_step() && at_.unwritten.is_null(); }
  /// Writes the ledger and, when done, the trained model; returns the summary. For the first rank alone.
  Json finish(const std::filesystem::path& out);
  Json counts() const;
  int64_t skipped() const { return static_cast<int64_t>(rows_.skipped.size() + at_.skipped.size()); }

 private:
  bool skips() const { return config_.data.max_skipped > 0 || options_.decode; }
  data::LoaderRules training_rules() const;
  Scorer scorer() {
    return {policy_, objective_, cache_.get(), references_.get(), rules_, &at_.past, media_ ? &*media_ : nullptr};
  }
  bool last_step() const { return at_.step == at_.steps; }
  void resume(const std::filesystem::path& out, const std::optional<Snapshot>& snapshot);
  void cut_metrics(const std::filesystem::path& file);
  void take_from_first();

  void open_caches();
  void check_passes();
  Json one_step(data::Loader& loader);
  bool evaluates() const;
  Json evaluate();
  Json evaluate_share();
  void join_media();
  void save(const std::filesystem::path& out);
  void remember(const std::vector<data::SkippedRow>& skipped);
  void add_to_past(const MetricSums& sums);

  const TrainConfig& config_;
  const RunOptions& options_;
  const world::World& world_;
  loss::Objective objective_;
  policy::Policy policy_;
  data::Dataset rows_;
  AdamW optimizer_;
  model::PassRules rules_;
  std::optional<data::Dataset> held_out_;
  std::unique_ptr<data::VisualCache> cache_;
  std::unique_ptr<data::ReferenceCache> references_;
  std::optional<data::EqualMedia> media_;  ///< over the media that at_ has seen
  int64_t per_epoch_ = 0;
  Position at_;
  int64_t saved_ = 0;    ///< the step of the last checkpoint; -1 where its metrics were not written yet
  Json last_ = nullptr;  ///< the last line of the metrics
};

}  // namespace rrpo::train
