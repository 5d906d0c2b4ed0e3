#include "rrpo/data/order.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "rrpo/util/error.h"
#include "rrpo/util/random.h"

namespace rrpo::data {

namespace {

std::vector<int64_t> counting(size_t count) {
  std::vector<int64_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

/// Rows of each video cut into groups, in order of each group's first row.
std::vector<std::vector<int64_t>> make_groups(const std::vector<int64_t>& rows, const std::vector<int64_t>& videos,
                                              int64_t size) {
  std::vector<std::vector<int64_t>> groups;
  std::map<int64_t, size_t> open;  // video -> its group that still has room
  for (const int64_t row : rows) {
    const int64_t video = videos[static_cast<size_t>(row)];
    const auto found = open.find(video);
    if (found == open.end() || static_cast<int64_t>(groups[found->second].size()) >= size) {
      open[video] = groups.size();
      groups.emplace_back();
    }
    groups[open[video]].push_back(row);
  }
  return groups;
}

}  // namespace

std::vector<int64_t> epoch_order(const std::vector<int64_t>& videos, const OrderRules& rules, int64_t epoch) {
  Random random(rules.seed, "order", static_cast<uint64_t>(epoch));
  std::vector<int64_t> rows = counting(videos.size());
  if (rules.group_by_video <= 1) {
    if (rules.shuffle) random.shuffle(rows);
    return rows;
  }
  auto groups = make_groups(rows, videos, rules.group_by_video);
  if (rules.shuffle) random.shuffle(groups);
  rows.clear();
  for (const auto& group : groups) rows.insert(rows.end(), group.begin(), group.end());
  return rows;
}

int64_t windows_per_epoch(int64_t rows, const BatchRules& rules) {
  return rules.drop_last ? std::max<int64_t>(1, rows / rules.batch) : (rows + rules.batch - 1) / rules.batch;
}

std::vector<int64_t> window_rows(const std::vector<int64_t>& videos, const OrderRules& order, const BatchRules& rules,
                                 int64_t window) {
  const auto all = static_cast<int64_t>(videos.size());
  const int64_t per_epoch = windows_per_epoch(all, rules);
  const std::vector<int64_t> rows = epoch_order(videos, order, window / per_epoch);
  const int64_t begin = window % per_epoch * rules.batch, end = std::min(all, begin + rules.batch);
  return {rows.begin() + begin, rows.begin() + end};
}

std::vector<MicroBatch> epoch_batches(const std::vector<int64_t>& order, const std::vector<int64_t>& videos,
                                      const BatchRules& rules, int64_t epoch) {
  const auto all = static_cast<int64_t>(order.size());
  const int64_t rows = std::min(all, windows_per_epoch(all, rules) * rules.batch);
  const auto video = [&](int64_t i) { return videos[static_cast<size_t>(order[static_cast<size_t>(i)])]; };
  const int64_t first_window = epoch * windows_per_epoch(all, rules);
  std::vector<MicroBatch> batches;
  for (int64_t begin = 0, window = first_window; begin < rows; begin += rules.batch, ++window) {
    const int64_t end = std::min(rows, begin + rules.batch);
    for (int64_t i = begin; i < end;) {
      int64_t run = i + 1;  // rows i..run-1 are of one video
      while (run < end && run - i < rules.micro && video(run) == video(i)) ++run;
      const bool fits = !batches.empty() && batches.back().window == window &&
                        static_cast<int64_t>(batches.back().rows.size()) + run - i <= rules.micro;
      if (!fits) {
        const bool first = batches.empty() || batches.back().window != window;
        batches.push_back({{}, window, epoch, false, first ? 0 : batches.back().number + 1});
      }
      for (; i < run; ++i) batches.back().rows.push_back(order[static_cast<size_t>(i)]);
    }
    batches.back().ends_window = true;
  }
  return batches;
}

namespace {

/// The rank whose pass it is.
int64_t rank_of(int64_t window, int64_t number, int64_t ranks) { return (window + number) % ranks; }

}  // namespace

std::vector<MicroBatch> share_of(const std::vector<MicroBatch>& batches, const Share& share) {
  std::vector<MicroBatch> own;
  bool has_one = false;  // in the window at work
  for (const MicroBatch& batch : batches) {
    if (rank_of(batch.window, batch.number, share.size) == share.rank) {
      own.push_back(batch);
      own.back().ends_window = false;
      has_one = true;
    }
    if (!batch.ends_window) continue;
    if (!has_one) own.push_back({{}, batch.window, batch.epoch, false, batch.number + 1});
    own.back().ends_window = true;
    has_one = false;
  }
  return own;
}

int64_t most_passes(int64_t first, const std::vector<int64_t>& passes, int64_t ranks) {
  std::vector<int64_t> counts(static_cast<size_t>(ranks), 0);
  for (size_t i = 0; i < passes.size(); ++i) {
    for (int64_t number = 0; number < passes[i]; ++number)
      ++counts[static_cast<size_t>(rank_of(first + static_cast<int64_t>(i), number, ranks))];
  }
  return *std::max_element(counts.begin(), counts.end());
}

}  // namespace rrpo::data
