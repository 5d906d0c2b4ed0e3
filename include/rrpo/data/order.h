// Which rows come when: a pure function of seed and epoch, whatever the number of threads.
#pragma once

#include <cstdint>
#include <vector>

namespace rrpo::data {

struct OrderRules {
  uint64_t seed = 42;
  bool shuffle = true;
  int64_t group_by_video = 1;  ///< so many rows of one video stand together
};

/// The order of the rows in one epoch, each exactly once. `videos[i]` is the video of row i. With groups, the rows of a
/// video are cut into groups of up to `group_by_video` in the order of the file, so that who writes a file decides what is
/// asked together; groups are then shuffled, or stand where their first row does.
std::vector<int64_t> epoch_order(const std::vector<int64_t>& videos, const OrderRules& rules, int64_t epoch);

/// Rows of one pass through the model; the passes of one window make one optimizer step.
struct MicroBatch {
  std::vector<int64_t> rows;
  int64_t window = 0;  ///< counted from the run's beginning
  int64_t epoch = 0;
  bool ends_window = false;
  int64_t number = 0;  ///< in its window
};

/// Windows of `batch` rows (the last one of an epoch holds what is left, or with `drop_last` is left out unless it is the
/// only one), each cut into passes of up to `micro` rows that do not part rows of one video where they fit.
struct BatchRules {
  int64_t batch = 32;
  int64_t micro = 1;
  bool drop_last = false;
};
int64_t windows_per_epoch(int64_t rows, const BatchRules& rules);
/// The rows of window `window`, counted from the run's beginning, whoever takes them.
std::vector<int64_t> window_rows(const std::vector<int64_t>& videos, const OrderRules& order, const BatchRules& rules,
                                 int64_t window);
std::vector<MicroBatch> epoch_batches(const std::vector<int64_t>& order, const std::vector<int64_t>& videos,
                                      const BatchRules& rules, int64_t epoch);

/// One of the processes that share a run.
struct Share {
  int64_t rank = 0, size = 1;
};

/// What of `batches`, which are whole windows, falls to `share`: pass m of window w is that of rank (w + m) % size, so that
/// no rank has the longer half of every window. `ends_window` then marks the last pass of the rank; where it has none in a
/// window, one without rows.
std::vector<MicroBatch> share_of(const std::vector<MicroBatch>& batches, const Share& share);

/// The most passes that one of `ranks` has of the windows `first` to `first + passes.size() - 1`, which have `passes` each:
/// as share_of() gives them out.
int64_t most_passes(int64_t first, const std::vector<int64_t>& passes, int64_t ranks);

}  // namespace rrpo::data
