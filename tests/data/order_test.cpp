#include "rrpo/data/order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace rrpo::data {
namespace {

/// 10 rows of video 0, 3 of video 1, 1 each of videos 2 to 6, interleaved.
const std::vector<int64_t> kVideos = {0, 0, 1, 2, 0, 0, 3, 1, 0, 4, 0, 0, 5, 0, 6, 1, 0, 0};

std::vector<int64_t> all_rows() {
  std::vector<int64_t> rows(kVideos.size());
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

TEST(Order, HoldsEveryRowOnce) {
  for (const bool shuffle : {false, true}) {
    for (const int64_t group : {1, 2, 4, 100}) {
      std::vector<int64_t> order = epoch_order(kVideos, {3, shuffle, group}, 5);
      std::sort(order.begin(), order.end());
      EXPECT_EQ(order, all_rows());
    }
  }
}

TEST(Order, UnshuffledIsFileOrderAndGroupsStandWhereTheirFirstRowDoes) {
  EXPECT_EQ(epoch_order(kVideos, {3, false, 1}, 2), all_rows());
  EXPECT_THAT(epoch_order({0, 1, 0, 1, 0, 2, 0}, {3, false, 2}, 0), testing::ElementsAre(0, 2, 1, 3, 4, 6, 5));
}

TEST(Order, IsAFunctionOfSeedAndEpoch) {
  const OrderRules rules{11, true, 4};
  EXPECT_EQ(epoch_order(kVideos, rules, 3), epoch_order(kVideos, rules, 3));
  EXPECT_NE(epoch_order(kVideos, rules, 3), epoch_order(kVideos, rules, 4));
  EXPECT_NE(epoch_order(kVideos, rules, 3), epoch_order(kVideos, {12, true, 4}, 3));
}

// Rows that a file puts side by side are asked together in every epoch (rrpo-gen scenes: questions of different types).
TEST(Order, GroupsAreThoseOfTheFile) {
  const std::vector<int64_t> videos = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2};
  for (int64_t epoch = 0; epoch < 5; ++epoch) {
    const std::vector<int64_t> order = epoch_order(videos, {5, true, 2}, epoch);
    for (size_t i = 0; i < order.size(); i += 2) {
      EXPECT_EQ(order[i] % 2, 0);
      EXPECT_EQ(order[i + 1], order[i] + 1);
    }
  }
}

TEST(Order, RowsOfAVideoStandTogether) {
  const std::vector<int64_t> order = epoch_order(kVideos, {5, true, 4}, 0);
  int64_t runs = 1;
  for (size_t i = 1; i < order.size(); ++i) {
    runs += kVideos[static_cast<size_t>(order[i])] != kVideos[static_cast<size_t>(order[i - 1])];
  }
  // 3 groups of video 0 (4, 4, 2), one of every other; groups of video 0 may meet.
  EXPECT_LE(runs, 3 + 6);
}

TEST(Batches, WindowsHoldBatchRowsAndTheLastOneWhatIsLeft) {
  const std::vector<int64_t> order = epoch_order(kVideos, {5, true, 4}, 2);
  const BatchRules rules{.batch = 7, .micro = 4};
  ASSERT_EQ(windows_per_epoch(18, rules), 3);
  std::map<int64_t, int64_t> rows_of_window;
  std::vector<int64_t> seen;
  for (const MicroBatch& batch : epoch_batches(order, kVideos, rules, 2)) {
    EXPECT_LE(batch.rows.size(), 4U);
    EXPECT_FALSE(batch.rows.empty());
    EXPECT_EQ(batch.epoch, 2);
    rows_of_window[batch.window] += static_cast<int64_t>(batch.rows.size());
    EXPECT_EQ(batch.ends_window, rows_of_window[batch.window] == (batch.window == 8 ? 4 : 7));
    seen.insert(seen.end(), batch.rows.begin(), batch.rows.end());
  }
  EXPECT_THAT(rows_of_window, testing::ElementsAre(std::pair(6, 7), std::pair(7, 7), std::pair(8, 4)));
  EXPECT_EQ(seen, order);
}

TEST(Batches, AnIncompleteWindowCanBeLeftOut) {
  const std::vector<int64_t> order = epoch_order(kVideos, {5, true, 1}, 1);
  const BatchRules rules{.batch = 7, .micro = 4, .drop_last = true};
  ASSERT_EQ(windows_per_epoch(18, rules), 2);
  std::vector<int64_t> seen;
  std::vector<int64_t> windows;
  for (const MicroBatch& batch : epoch_batches(order, kVideos, rules, 1)) {
    seen.insert(seen.end(), batch.rows.begin(), batch.rows.end());
    if (batch.ends_window) windows.push_back(batch.window);
  }
  EXPECT_THAT(windows, testing::ElementsAre(2, 3));
  EXPECT_EQ(seen, std::vector<int64_t>(order.begin(), order.begin() + 14));
  // Fewer rows than a window make one step over what is there.
  EXPECT_EQ(windows_per_epoch(3, rules), 1);
  EXPECT_EQ(windows_per_epoch(14, rules), 2);
  EXPECT_EQ(epoch_batches({2, 0, 1}, {0, 1, 2}, {.batch = 7, .micro = 7, .drop_last = true}, 0).at(0).rows.size(), 3U);
}

TEST(Batches, DoNotPartRowsOfOneVideoThatFit) {
  // Runs of 2, 3, 2, 1 rows; a pass of 4 holds (2), (3), (2 + 1), never half a run.
  const std::vector<int64_t> videos = {0, 0, 1, 1, 1, 2, 2, 3};
  std::vector<size_t> sizes;
  for (const MicroBatch& batch : epoch_batches({0, 1, 2, 3, 4, 5, 6, 7}, videos, {100, 4}, 0))
    sizes.push_back(batch.rows.size());
  EXPECT_THAT(sizes, testing::ElementsAre(2, 3, 3));
}

/// Windows of 4, 4 and 1 pass, twice.
std::vector<MicroBatch> two_epochs() {
  const std::vector<int64_t> videos = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<MicroBatch> all;
  for (const int64_t epoch : {0, 1}) {
    for (MicroBatch& batch : epoch_batches(videos, videos, {.batch = 4, .micro = 1}, epoch)) all.push_back(std::move(batch));
  }
  return all;
}

TEST(Share, EachPassIsOneRanksAndEachRankSeesTheEndOfEachWindow) {
  const std::vector<MicroBatch> all = two_epochs();
  for (const int64_t size : {1, 2, 3, 5, 20}) {
    SCOPED_TRACE(size);
    std::map<std::pair<int64_t, int64_t>, std::vector<int64_t>> rows;  // by window and number
    std::vector<int64_t> passes;
    for (int64_t rank = 0; rank < size; ++rank) {
      std::vector<int64_t> ends;
      passes.push_back(0);
      for (const MicroBatch& batch : share_of(all, {rank, size})) {
        if (batch.ends_window) ends.push_back(batch.window);
        if (batch.rows.empty()) continue;
        EXPECT_TRUE(rows.emplace(std::pair(batch.window, batch.number), batch.rows).second) << "taken twice";
        ++passes.back();
      }
      EXPECT_EQ(ends, (std::vector<int64_t>{0, 1, 2, 3, 4, 5})) << rank;
    }
    ASSERT_EQ(rows.size(), all.size());
    for (const MicroBatch& batch : all) EXPECT_EQ(rows.at({batch.window, batch.number}), batch.rows);
    const auto [least, most] = std::minmax_element(passes.begin(), passes.end());
    EXPECT_LE(*most - *least, size <= 5 ? 1 : 3);
  }
}

/// The most passes of a rank, by giving them out.
int64_t counted(const std::vector<MicroBatch>& all, int64_t first, int64_t last, int64_t size) {
  int64_t most = 0;
  for (int64_t rank = 0; rank < size; ++rank) {
    int64_t own = 0;
    for (const MicroBatch& batch : share_of(all, {rank, size}))
      own += !batch.rows.empty() && batch.window >= first && batch.window < last ? 1 : 0;
    most = std::max(most, own);
  }
  return most;
}

TEST(Share, TellsTheMostPassesThatARankHas) {
  const std::vector<MicroBatch> all = two_epochs();
  const std::vector<int64_t> passes = {4, 4, 1, 4, 4, 1};
  for (const int64_t size : {1, 2, 3, 5, 20}) {
    for (int64_t first = 0; first < 6; ++first) {
      for (int64_t last = first + 1; last <= 6; ++last)
        EXPECT_EQ(most_passes(first, {passes.begin() + first, passes.begin() + last}, size), counted(all, first, last, size))
            << first << " to " << last << " on " << size;
    }
  }
}

TEST(Share, OfOneIsEverything) {
  const std::vector<MicroBatch> all = two_epochs(), own = share_of(all, {});
  ASSERT_EQ(own.size(), all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(own[i].rows, all[i].rows);
    EXPECT_EQ(own[i].ends_window, all[i].ends_window);
  }
}

}  // namespace
}  // namespace rrpo::data
