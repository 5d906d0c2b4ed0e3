#include "rrpo/eval/compare.h"

#include <gtest/gtest.h>

#include "../support/temp_dir.h"
#include "rrpo/util/error.h"

namespace rrpo::eval {
namespace {

rows::Scored row(const std::string& id, const std::string& video, bool right) {
  rows::Scored out;
  out.id = id;
  out.scorer = "ours";
  out.video = video;
  out.format = "short";
  out.tags = {{"type", id.substr(0, 1)}};
  out.question = "What is it?";
  out.answer = "x";
  out.said = right ? "x" : "y";
  out.judged.verdict = right ? rows::Verdict::right : rows::Verdict::wrong;
  return out;
}

Comparison compared(std::vector<rows::Scored> a, std::vector<rows::Scored> b) {
  return compare({std::move(a), {}}, {std::move(b), {}}, 1);
}

std::string joined(const std::vector<std::string>& notes) {
  std::string out;
  for (const std::string& note : notes) out += note + "\n";
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
  std::vector<rows::Scored> a, b;
  for (int video = 0; video < 6; ++video) {
    const std::string name = "v" + std::to_string(video);
    a.push_back(row("x" + name, name, false));
    b.push_back(row("x" + name, name, true));
    a.push_back(row("y" + name, name, true));
    b.push_back(row("y" + name, name, video > 0));
  }
  std::reverse(b.begin(), b.end());
  const Comparison comparison = compared(a, b);
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
  const std::vector<rows::Scored> a = {row("x", "v", true)};
  EXPECT_THROW(compared(a, {}), Error);
  EXPECT_THROW(compared({}, a), Error);
  EXPECT_THROW(compared(a, {row("x", "w", true)}), Error);
}

// Once exit 0, with a p-value.
TEST(Compare, RefusesAnotherTextOrTruthByName) {
  const std::vector<rows::Scored> a = {row("x1", "v", true), row("x2", "v", true)};
  for (std::string rows::Scored::*text : {&rows::Scored::question, &rows::Scored::answer}) {
    std::vector<rows::Scored> b = a;
    b[1].*text = "another";
    try {
      compared(a, b);
      FAIL() << "another text was compared";
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input);
      EXPECT_NE(std::string(error.what()).find("x2"), std::string::npos) << error.what();
    }
    (b[1].*text).clear();  // not known: nothing to refuse
    EXPECT_EQ(compared(a, b).all.questions, 2);
  }
}

TEST(Compare, CountsWhatOneSideLacks) {
  std::vector<rows::Scored> a, b;
  for (const char* id : {"x1", "x2", "x3", "x4"}) a.push_back(row(id, "v", true));
  b = a;
  a[0].judged.verdict = rows::Verdict::failed;
  b.erase(b.begin() + 1);
  b.push_back(row("x5", "v", true));
  const Comparison comparison = compared(a, b);
  EXPECT_EQ(comparison.only_a, 1);
  EXPECT_EQ(comparison.only_b, 1);
  EXPECT_EQ(comparison.uncounted, 1);
  EXPECT_EQ(comparison.all.questions, 2);
  EXPECT_EQ(comparison_json(comparison, "a", "b")["left_out"]["only_a"], 1);
  EXPECT_NE(joined(comparison_notes(comparison)).find("1 questions are in A only"), std::string::npos);
}

TEST(Compare, ListsSettingsThatDifferBesideTheModel) {
  const Json a = {{"model", {{"path", "m"}}}, {"video", {{"frames", 8}}}, {"device", "cpu"}};
  Json b = a;
  b["model"]["path"] = "n";
  b["device"] = "cuda";
  EXPECT_TRUE(compare({{row("x", "v", true)}, a}, {{row("x", "v", true)}, b}, 1).settings.empty());
  b["video"]["frames"] = 16;
  const Comparison comparison = compare({{row("x", "v", true)}, a}, {{row("x", "v", true)}, b}, 1);
  ASSERT_EQ(comparison.settings.size(), 1u);
  EXPECT_EQ(comparison.settings[0].field, "video.frames");
  EXPECT_NE(joined(comparison_notes(comparison)).find("video.frames is 8 in A and 16 in B"), std::string::npos);
}

// What one scorer finds right another may not: once a difference of the models.
TEST(Compare, ListsAnotherScorer) {
  std::vector<rows::Scored> a = {row("x", "v", true)}, b = a;
  EXPECT_TRUE(compared(a, b).settings.empty());
  b[0].scorer = "exact";
  const Comparison comparison = compared(a, b);
  ASSERT_EQ(comparison.settings.size(), 1u);
  EXPECT_EQ(comparison.settings[0].field, "scorer");
  EXPECT_NE(joined(comparison_notes(comparison)).find("scorer is \"ours\" in A and \"exact\" in B"), std::string::npos)
      << joined(comparison_notes(comparison));
}

TEST(Compare, ReadsFoldersAndFilesOfBothVersions) {
  const test::TempDir dir;
  const std::string question = R"({"id":"q","video":"v.mp4","question":"Is it?","answer":"Yes","format":"yesno"})";
  dir.write("questions.jsonl", question + "\n");
  dir.write("now/verdicts.jsonl", json_line(rows::scored_json(row("q", "v.mp4", true))) + "\n");
  EXPECT_TRUE(open_side(dir / "now").rows.at(0).right());
  EXPECT_TRUE(open_side(dir / "now/verdicts.jsonl").rows.at(0).right());
  // A folder of an earlier version: its verdict is made anew where the questions are there, else taken.
  const std::string before = R"({"id":"q","response":"<answer>yes</answer>","verdict":"unparsable","expected":["yes"],)"
                             R"("found":[],"format":"yesno","video":"v.mp4"})";
  dir.write("before/predictions.jsonl", before + "\n");
  EXPECT_FALSE(open_side(dir / "before").rows.at(0).right());
  dir.write("before/run.json", R"({"config":{"eval":{"questions":")" + (dir / "questions.jsonl").string() + "\"}}}");
  EXPECT_TRUE(open_side(dir / "before").rows.at(0).right());
  EXPECT_TRUE(open_side(dir / "before/predictions.jsonl").rows.at(0).right());
  EXPECT_EQ(open_side(dir / "before").config["eval"].size(), 1u);
  dir.write("plain/predictions.jsonl", R"({"id":"q","raw":"yes"})"
                                       "\n");
  EXPECT_THROW(open_side(dir / "plain"), Error);
}

}  // namespace
}  // namespace rrpo::eval
