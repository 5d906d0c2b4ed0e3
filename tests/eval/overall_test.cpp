#include "rrpo/eval/overall.h"

#include <gtest/gtest.h>

#include <cmath>

#include "rrpo/eval/score.h"

namespace rrpo::eval {
namespace {

/// Questions and their verdicts, which Marked points to.
struct Set {
  std::vector<rows::Question> questions;
  std::vector<rows::Scored> verdicts;

  rows::Question& add(const std::string& task, rows::Verdict verdict, const std::string& video = "") {
    rows::Question question;
    question.id = std::to_string(questions.size());
    question.media.video = video.empty() ? question.id : video;
    question.item.benchmark = "x";
    question.item.task = task;
    questions.push_back(question);
    rows::Scored scored;
    scored.id = question.id;
    scored.judged.verdict = verdict;
    verdicts.push_back(scored);
    return questions.back();
  }
  void pair(const std::string& subset, const std::string& name, bool basic, bool lie) {
    for (const auto& [role, right] : {std::pair("basic", basic), std::pair("hallucination", lie)}) {
      rows::Item& item = add("pair_qa", right ? rows::Verdict::right : rows::Verdict::wrong).item;
      item.subset = subset;
      item.group = name;
      item.role = role;
      item.rule = "all";
    }
  }
  std::vector<Marked> marked() const {
    std::vector<Marked> out;
    for (size_t i = 0; i < questions.size(); ++i) out.push_back({&questions[i], &verdicts[i]});
    return out;
  }
};

TEST(Overall, WeighsAsItsBenchmarkDoes) {
  Set set;
  for (const rows::Verdict verdict :
       {rows::Verdict::right, rows::Verdict::right, rows::Verdict::wrong, rows::Verdict::unparsed})
    set.add("a", verdict);
  set.add("b", rows::Verdict::right);
  EXPECT_NEAR(overall_value(Overall::questions, set.marked()), 3.0 / 5, 1e-12);
  EXPECT_NEAR(overall_value(Overall::tasks, set.marked()), (0.5 + 1) / 2, 1e-12);
  set.add("b", rows::Verdict::failed);
  set.add("c", rows::Verdict::unjudged);
  set.add("c", rows::Verdict::dropped);
  EXPECT_NEAR(overall_value(Overall::questions, set.marked()), 3.0 / 5, 1e-12) << "these do not count";
  EXPECT_NEAR(overall_value(Overall::tasks, set.marked()), 0.75, 1e-12) << "a task without a number is no zero";
}

// A group is right when each of its questions is, and does not count when one of them does not.
TEST(Overall, GroupsCountByTheirRule) {
  Set set;
  set.pair("one", "p1", true, true);
  set.pair("one", "p2", true, false);
  set.pair("two", "p3", false, true);
  EXPECT_NEAR(overall_value(Overall::groups, set.marked()), 1.0 / 3, 1e-12);
  EXPECT_NEAR(overall_value(Overall::subsets, set.marked()), (0.5 + 0) / 2, 1e-12);
  set.pair("two", "p4", true, true);
  set.verdicts.back().judged.verdict = rows::Verdict::failed;
  EXPECT_NEAR(overall_value(Overall::groups, set.marked()), 1.0 / 3, 1e-12);
}

// The closed form of the authors' evaluation_bias.py, and a constant yes.
TEST(Overall, BiasIsTheAuthorsOne) {
  const Bias mixed = bias_of({{true, true}, {true, false}, {false, true}, {false, false}});
  EXPECT_NEAR(mixed.yes_diff, -0.125, 1e-12);
  EXPECT_NEAR(mixed.no_diff, -0.125, 1e-12);
  EXPECT_NEAR(mixed.false_positive_ratio, 0.25, 1e-12);
  const Bias yes = bias_of({{true, false}, {true, false}, {true, false}, {true, true}});
  EXPECT_NEAR(yes.yes_diff, 0.375, 1e-12);
  EXPECT_NEAR(yes.no_diff, -0.375, 1e-12);
  EXPECT_NEAR(yes.false_positive_ratio, 1, 1e-12);
}

// Truth 1,1,1,0,0 and labels 1,1,0,0,1; the scenes of both hits count .9 + .75 and 1 + 0.
TEST(Overall, ScenesCountLabelsAndDescriptions) {
  Set set;
  const std::vector<std::pair<bool, bool>> truth_and_label = {
      {true, true}, {true, true}, {true, false}, {false, false}, {false, true}};
  for (const auto& [truth, label] : truth_and_label) {
    set.add("sth", truth == label ? rows::Verdict::right : rows::Verdict::wrong).item.keys = {truth ? "yes" : "no"};
    set.verdicts.back().value = 0;
  }
  set.verdicts[0].value = (0.814832 + 0.522281) / 2;
  set.verdicts[1].value = 0.5;
  const rows::SceneScores scores = scene_scores_of(set.marked());
  EXPECT_NEAR(scores.mcc, 0.166667, 1e-6);
  EXPECT_NEAR(scores.classification, 0.340278, 1e-6);
  EXPECT_NEAR(scores.description, 0.584278, 1e-6);
  EXPECT_NEAR(scores.overall, 0.437878, 1e-6);
  set.verdicts[1].value = std::nullopt;
  EXPECT_TRUE(std::isnan(scene_scores_of(set.marked()).overall)) << "an unknown similarity is no zero";
  EXPECT_NEAR(scene_scores_of(set.marked()).classification, 0.340278, 1e-6);
}

// Ten questions about each of two videos tell little more than one about each: the interval is that of two draws.
TEST(Overall, TheIntervalTakesAVideoForOneDraw) {
  Set together, apart;
  for (int i = 0; i < 40; ++i) {
    const rows::Verdict verdict = i % 4 < 3 ? rows::Verdict::right : rows::Verdict::wrong;
    together.add("a", verdict, "v" + std::to_string(i % 4));
    apart.add("a", verdict);
  }
  const Interval few = overall_interval(Overall::questions, together.marked());
  const Interval many = overall_interval(Overall::questions, apart.marked());
  // p = 3/4; the standard error of a mean of n draws by the jackknife is sqrt(p (1 - p) / (n - 1)).
  EXPECT_NEAR(0.75 - few.low, 1.96 * std::sqrt(0.1875 / 3), 1e-9);
  EXPECT_EQ(few.high, 1) << "no share is above it";
  EXPECT_NEAR(many.high - many.low, 2 * 1.96 * std::sqrt(0.1875 / 39), 1e-9);
  Set one;
  one.add("a", rows::Verdict::right);
  EXPECT_TRUE(std::isnan(overall_interval(Overall::questions, one.marked()).low));
}

}  // namespace
}  // namespace rrpo::eval
