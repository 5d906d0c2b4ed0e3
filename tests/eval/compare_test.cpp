#include "rrpo/eval/compare.h"

#include <gtest/gtest.h>

#include "rrpo/util/error.h"

namespace rrpo::eval {
namespace {

rows::Prediction row(const std::string& id, const std::string& video, bool right) {
  rows::Prediction out;
  out.id = id;
  out.video = video;
  out.format = "short";
  out.tags = {{"type", id.substr(0, 1)}};
  out.response = "x";
  out.judged.verdict = right ? rows::Verdict::right : rows::Verdict::wrong;
  return out;
}

// Two-sided exact binomial: 2 (1 + 10 + 45) / 2^10 for 2 of 10; 2 / 2^5 for 0 of 5; 1 where both sides are equal.
TEST(McNemar, IsTheExactBinomial) {
  EXPECT_NEAR(mcnemar_p(8, 2), 112.0 / 1024, 1e-12);
  EXPECT_NEAR(mcnemar_p(2, 8), 112.0 / 1024, 1e-12);
  EXPECT_NEAR(mcnemar_p(5, 0), 1.0 / 16, 1e-12);
  EXPECT_EQ(mcnemar_p(3, 3), 1);
  EXPECT_EQ(mcnemar_p(0, 0), 1);
}

// Counts far beyond any factorial in double: z = (|b - c| - 1) / sqrt(b + c) = 98 / 31.64 = 3.097 gives 0.00195.
TEST(McNemar, ReachesLargeCounts) { EXPECT_NEAR(mcnemar_p(550, 451), 0.00195, 5e-5); }

// All five differences agree: only the flip of none and of all is as extreme, 2 / 2^5.
TEST(SignFlip, OfEqualSignsIsTwoOfAllFlips) {
  const SignFlip test = sign_flip_test({0.5, 0.5, 0.5, 0.5, 0.5}, 1);
  EXPECT_TRUE(test.exact);
  EXPECT_NEAR(test.p, 2.0 / 32, 1e-12);
  EXPECT_NEAR(test.mean, 0.5, 1e-12);
  EXPECT_EQ(test.low, -1);  // 1/16 is never rejected at 5 %
  EXPECT_EQ(test.high, 1);
}

// Sums of +-1 +-2 +-3: |sum| >= 4 for 4 of 8 flips (6, 4, -4, -6).
TEST(SignFlip, CountsFlipsAsExtremeAsTheObserved) { EXPECT_NEAR(sign_flip_test({-0.1, 0.2, 0.3}, 1).p, 4.0 / 8, 1e-12); }

TEST(SignFlip, ZerosChangeTheMeanAndNotTheTest) {
  const SignFlip test = sign_flip_test({0.5, 0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0, 0}, 1);
  EXPECT_NEAR(test.p, 2.0 / 32, 1e-12);
  EXPECT_NEAR(test.mean, 0.25, 1e-12);
  EXPECT_EQ(test.videos, 10);
}

TEST(SignFlip, WithoutAnyDifferenceIsOne) {
  EXPECT_EQ(sign_flip_test({0, 0, 0}, 1).p, 1);
  EXPECT_EQ(sign_flip_test({}, 1).p, 1);
}

// Six values of 0.25: a shift is rejected as soon as all have one sign, that is, always but at the value itself.
TEST(SignFlip, TheIntervalInvertsTheTest) {
  const SignFlip same = sign_flip_test(std::vector<double>(6, 0.25), 1);
  EXPECT_NEAR(same.p, 2.0 / 64, 1e-12);
  EXPECT_NEAR(same.low, 0.25, 1e-6);
  EXPECT_NEAR(same.high, 0.25, 1e-6);
  // 1..6 tenths: p > 0.05 until two flips more than the extreme pair are as extreme: shifts between the smallest and the
  // largest value, first order statistic rejected.
  const SignFlip spread = sign_flip_test({0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, 1);
  EXPECT_NEAR(spread.low, 0.1, 1e-6);
  EXPECT_NEAR(spread.high, 0.6, 1e-6);
}

// 100 differences of +1/10 and 60 of -1/10: z with half a step of continuity = 39 / sqrt(160) = 3.083 gives p = 0.0020.
TEST(SignFlip, RandomFlipsComeNearTheNormalApproximation) {
  std::vector<double> differences(100, 0.1);
  differences.insert(differences.end(), 60, -0.1);
  const SignFlip test = sign_flip_test(differences, 7);
  EXPECT_FALSE(test.exact);
  EXPECT_NEAR(test.p, 0.0020, 0.0006);
  EXPECT_NEAR(test.mean, 0.025, 1e-12);
  // mean +- 1.96 sd / sqrt(n), sd = 0.0968
  EXPECT_NEAR(test.low, 0.025 - 0.0150, 0.002);
  EXPECT_NEAR(test.high, 0.025 + 0.0150, 0.002);
  EXPECT_EQ(sign_flip_test(differences, 7).p, test.p);
}

TEST(Compare, CountsPerQuestionAndTestsPerVideo) {
  std::vector<rows::Prediction> a, b;
  for (int video = 0; video < 6; ++video) {
    const std::string name = "v" + std::to_string(video);
    a.push_back(row("x" + name, name, false));
    b.push_back(row("x" + name, name, true));
    a.push_back(row("y" + name, name, true));
    b.push_back(row("y" + name, name, video > 0));
  }
  std::reverse(b.begin(), b.end());
  const Comparison comparison = compare(a, b, 1);
  EXPECT_EQ(comparison.all.gained, 6);
  EXPECT_EQ(comparison.all.lost, 1);
  EXPECT_EQ(comparison.all.right_a, 6);
  EXPECT_EQ(comparison.all.right_b, 11);
  ASSERT_EQ(comparison.types.size(), 2u);
  EXPECT_EQ(comparison.types[0].gained, 6);
  EXPECT_EQ(comparison.types[1].lost, 1);
  EXPECT_NEAR(comparison.mcnemar, 2 * 8.0 / 128, 1e-12);
  EXPECT_NEAR(comparison.by_video.mean, 5 * 0.5 / 6, 1e-12);
  EXPECT_NEAR(comparison.by_video.p, 2.0 / 32, 1e-12);
  EXPECT_NE(headline(comparison).find("+41.7 points"), std::string::npos) << headline(comparison);
  EXPECT_EQ(comparison_json(comparison, "a", "b")["all"]["same"], 5);
  EXPECT_NE(comparison_page(comparison, "a", "b").find("Gained"), std::string::npos);
}

TEST(Compare, RefusesOtherQuestions) {
  const std::vector<rows::Prediction> a = {row("x", "v", true)};
  EXPECT_THROW(compare(a, {}, 1), Error);
  EXPECT_THROW(compare({}, a, 1), Error);
  EXPECT_THROW(compare(a, {row("x", "w", true)}, 1), Error);
}

}  // namespace
}  // namespace rrpo::eval
