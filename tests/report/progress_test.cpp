#include "rrpo/report/progress.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace rrpo::report {
namespace {

TEST(Progress, Line) {
  EXPECT_EQ(progress_line("train", 120, 1000, "pairs", 3.42, "loss 0.69"),
            "train: 120/1000 pairs (12%), 3.42 pairs/s, 4 min 17 s left, loss 0.69");
  EXPECT_EQ(progress_line("train", 0, 1000, "pairs", 0, ""), "train: 0/1000 pairs (0%)");
  EXPECT_EQ(progress_line("train", 1000, 1000, "pairs", 2, ""), "train: 1000/1000 pairs (100%), 2 pairs/s");
  EXPECT_EQ(progress_line("read", 7, 0, "rows", 2, ""), "read: 7 rows, 2 rows/s");
  EXPECT_EQ(progress_line("train", 1, 3, "steps", 0.05, ""), "train: 1/3 steps (33%), 20 s/step, 40 s left");
}

TEST(Progress, BarFitsTheTerminal) {
  EXPECT_EQ(progress_bar("train", 5, 10, "pairs", 1, "", 60), "train [=====      ]  50%  5/10 pairs  1 pairs/s  5.0 s left");
  for (int width = 20; width < 200; ++width) {
    EXPECT_LT(progress_bar("train", 5, 10, "pairs", 1, "a note\nof two lines", width).size(), static_cast<size_t>(width));
  }
}

TEST(Progress, IsSilentUntilOpened) {
  testing::internal::CaptureStderr();
  Progress progress("a", 10, "items");
  progress.update(5);
  progress.finish();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

TEST(Progress, PlainLinesAreFew) {
  open_progress(ProgressMode::lines);
  testing::internal::CaptureStderr();
  Progress progress("a", 100, "items");
  for (int i = 1; i <= 100; ++i) progress.update(i);
  progress.finish();
  open_progress(ProgressMode::off);
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(text.substr(0, 25), "a: 100/100 items (100%), ");
}

TEST(Progress, ABarEndsItsLine) {
  open_progress(ProgressMode::bar);
  testing::internal::CaptureStderr();
  { Progress("a", 100, "items").update(1); }
  open_progress(ProgressMode::off);
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.front(), '\r');
  EXPECT_EQ(text.back(), '\n');
}

}  // namespace
}  // namespace rrpo::report
