// Micro-batches in order, read by threads while the step runs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rrpo/data/control.h"
#include "rrpo/data/dataset.h"
#include "rrpo/data/file_hashes.h"
#include "rrpo/data/order.h"
#include "rrpo/data/pair_batch.h"
#include "rrpo/data/seen_media.h"
#include "rrpo/data/visual_cache.h"
#include "rrpo/policy/policy.h"
#include "rrpo/util/prefetch.h"

namespace rrpo::data {

struct LoaderRules {
  std::filesystem::path root;
  policy::VideoConfig video = {};
  OrderRules order;
  BatchRules batch;
  Share share = {};
  int64_t threads = 0;                     ///< 0: everything inside next()
  int64_t ahead_bytes = int64_t{1} << 30;  ///< pixels that may wait for their step; one pass always may
  bool skip_bad_media = false;             ///< drop rows whose media cannot be read and name them in `PairBatch::skipped`
  SeenMedia* seen = nullptr;               ///< kept up to date by next(), where it is given
  std::vector<Control> controls = {};      ///< under which the own clip of each row is handed out too, drawn by `order.seed`
};

/// Hands out the micro-batches of windows first_window … last_window - 1, epoch after epoch. What comes out depends on
/// dataset and rules only. A share has at least one micro-batch of each window, if need be one without rows. A clip that
/// several rows of a micro-batch show is there once, and a media of which it shows several views is decoded once. `dataset`,
/// `policy` and `cache` must outlive it.
class Loader {
 public:
  Loader(const Dataset& dataset, const policy::Policy& policy, VisualCache* cache, LoaderRules rules, int64_t first_window,
         int64_t last_window);
  ~Loader();

  /// The next micro-batch, or nothing after the last. Rethrows what reading it threw, with the row's id. Throws
  /// Error(usage) for a media whose frames or files are not those that `rules.seen` knows.
  std::optional<PairBatch> next();

  /// The rows of a window, of all shares: known before any of their media is read.
  std::vector<int64_t> window_rows(int64_t window) const;
  /// A loader of that window alone, for who takes it once more.
  Loader again(int64_t window) const;
  /// The most passes that one of the ranks that share the rows has in the next `windows` windows. To be asked before a
  /// window's first pass is taken.
  int64_t most_passes(int64_t windows = 1);

 private:
  class Places;

  int64_t passes_ahead() const;
  void compare(const Clip& clip);
  std::string files_of(const rows::Media& media) const;
  /// Frames by media, where a micro-batch shows several views of it: absent until the first one is made.
  using SharedFrames = std::map<std::string, std::optional<video::Frames>>;
  SharedFrames shared_media(const MicroBatch& place) const;
  Clip read(int64_t video, const rows::View& view, SharedFrames& shared) const;
  void fill(Clip& clip, const rows::View& view, const video::Frames& frames) const;
  void add_controls(PairBatch& batch, int64_t video, SharedFrames& shared) const;
  PairBatch make(const MicroBatch& place) const;

  const Dataset& dataset_;
  const policy::Policy& policy_;
  VisualCache* cache_;
  LoaderRules rules_;
  bool encodes_always_;
  int64_t window_;                        ///< that the next pass is of
  std::set<std::string> known_by_files_;  ///< keys of `rules.seen` at the beginning, which its threads may read
  mutable FileHashes hashes_;
  std::unique_ptr<Places> places_;
  std::unique_ptr<Prefetch<std::optional<PairBatch>>> prefetch_;  ///< last: its threads use the others
};

/// Threads that prepare samples where nobody says otherwise: one for each core that this process has to itself, at most 16.
int64_t default_loader_threads();

}  // namespace rrpo::data
