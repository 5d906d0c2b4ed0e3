// Rows of attention scores by AVX2 against loops in double, and what stands outside of what a query sees.
#include "../../src/model/attention/score_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "../../src/model/row_math.h"
#include "rrpo/util/random.h"

namespace rrpo::model {
namespace {

/// Ranges of `columns`, some of them of one column, none of them at the end.
std::vector<Range> ranges_of(int64_t columns, Random& random) {
  std::vector<Range> ranges;
  for (int64_t begin = random.below(3); begin + 20 < columns;) {
    const auto length = static_cast<int64_t>(1 + random.below(19));
    ranges.push_back({begin, length});
    begin += length + 1 + static_cast<int64_t>(random.below(4));
  }
  return ranges;
}

std::vector<float> values(int64_t count, double spread, Random& random) {
  std::vector<float> all;
  for (int64_t i = 0; i < count; ++i) all.push_back(static_cast<float>(spread * random.normal()));
  return all;
}

std::vector<double> wide(const std::vector<float>& row) { return {row.begin(), row.end()}; }

class ScoreRowsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!avx2_math().runs_here()) GTEST_SKIP() << "no AVX2";
  }
};

TEST_F(ScoreRowsTest, AreThoseOfLoopsInDouble) {
  Random random(3, "softmax");
  for (const double spread : {0.1, 3.0, 40.0}) {
    for (int64_t columns = 40; columns < 300; columns += 13) {
      const std::vector<Range> ranges = ranges_of(columns, random);
      const Seen seen{ranges.data(), static_cast<int64_t>(ranges.size())};
      std::vector<float> scores = values(columns, spread, random), gradients = values(columns, 1, random);
      std::vector<double> expected = wide(scores), slopes = wide(gradients);
      std::vector<float> again = scores;
      std::vector<double> expected_again = expected;
      const Softened<float> mine = avx2_scores().soften(scores.data(), columns, seen);
      const Softened<double> theirs = plain_scores().soften(expected.data(), columns, seen);
      EXPECT_EQ(static_cast<double>(mine.top), theirs.top);
      EXPECT_NEAR(static_cast<double>(mine.sum) / theirs.sum, 1, 1e-6);
      const double lse = theirs.top + std::log(theirs.sum), along = 0.3;
      avx2_scores().back(again.data(), gradients.data(), columns, seen, static_cast<float>(lse), 0.3F);
      plain_scores().back(expected_again.data(), slopes.data(), columns, seen, lse, along);
      for (size_t i = 0; i < scores.size(); ++i) {
        EXPECT_NEAR(static_cast<double>(scores[i]), expected[i], 1e-6) << i;
        EXPECT_NEAR(static_cast<double>(again[i]), expected_again[i], 1e-5) << i;
        EXPECT_NEAR(static_cast<double>(gradients[i]), slopes[i], 1e-5) << i;
      }
    }
  }
}

TEST_F(ScoreRowsTest, LeaveZerosElsewhereAndKeepANaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const size_t at : {2U, 11U, 24U}) {
    std::vector<float> row(30, 1.0F);
    row[at] = nan;
    const Range ranges[] = {{1, 9}, {12, 3}, {20, 6}};
    const Softened<float> soft = avx2_scores().soften(row.data(), 30, {ranges, 3});
    const bool seen = at != 11;
    EXPECT_EQ(std::isnan(soft.sum), seen) << at;
    for (const size_t outside : {0U, 10U, 11U, 15U, 19U, 26U, 29U}) EXPECT_EQ(row[outside], 0) << outside;
  }
}

}  // namespace
}  // namespace rrpo::model
