// Micro-batches in order, read and packed by threads while the step runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "rrpo/data/dataset.h"
#include "rrpo/data/order.h"
#include "rrpo/data/pair_batch.h"
#include "rrpo/data/visual_cache.h"
#include "rrpo/policy/policy.h"
#include "rrpo/util/prefetch.h"

namespace rrpo::data {

struct LoaderRules {
  std::filesystem::path root;
  policy::VideoConfig video;
  OrderRules order;
  BatchRules batch;
  int64_t threads = 0;          ///< 0: everything inside next()
  bool skip_bad_media = false;  ///< drop rows whose media cannot be read and name them in `PairBatch::skipped`
};

/// Hands out the micro-batches of windows first_window … last_window - 1. What comes out depends on dataset and rules only.
/// `dataset`, `policy` and `cache` must outlive it.
class Loader {
 public:
  Loader(const Dataset& dataset, const policy::Policy& policy, VisualCache* cache, LoaderRules rules, int64_t first_window,
         int64_t last_window);

  /// The next micro-batch, or nothing after the last. Rethrows what reading it threw, with the row's id.
  std::optional<PairBatch> next();

 private:
  bool open_epoch();
  PairBatch make(const MicroBatch& place) const;

  const Dataset& dataset_;
  const policy::Policy& policy_;
  VisualCache* cache_;
  LoaderRules rules_;
  std::vector<int64_t> videos_;
  int64_t window_, last_window_;
  std::vector<MicroBatch> batches_;  ///< of the epoch at work
  std::unique_ptr<Prefetch<PairBatch>> prefetch_;
};

/// Threads that prepare samples where nobody says otherwise: one per core, at most 16.
int64_t default_loader_threads();

}  // namespace rrpo::data
