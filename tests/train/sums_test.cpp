// Weighted sums of objectives: one pass, one way back, each term over its own denominator.
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "data/tiny_world.h"
#include "rrpo/io/atomic.h"
#include "rrpo/train/learner.h"
#include "rrpo/train/step.h"
#include "rrpo/util/error.h"

namespace rrpo::train {
namespace {

using test::TinyWorld;
using testing::HasSubstr;

const Json kRrpo = {{"name", "rrpo"}, {"alpha", 0.1}, {"beta", 0.5}};

Json weighted(Json term, double weight) {
  term["weight"] = weight;
  return term;
}

/// A model in double with an adapter that is not zero, in front of pairs of which some may not be readable.
struct Bench {
  const TinyWorld& world;
  TrainConfig config;
  loss::Objective objective;
  policy::Policy policy;
  data::Dataset rows;
  AdamW optimizer;
  int64_t passes = 0;  ///< that went back so far

  Bench(const TinyWorld& world, const Json& objective)
      : world(world),
        config(make_config()),
        objective(loss::make_objective(objective)),
        policy(world.open(model::Dtype::float64)),
        rows(data::read_dataset({world.pairs()}, world.root(), policy, {})),
        optimizer(prepare_trainable(policy, config), config.optim) {
    const at::NoGradGuard frozen;
    Random random(5, "adapter");
    for (model::NamedTensor& weight : model::adapter_tensors(policy.lvlm)) {
      for (int64_t i = 0; i < weight.tensor->numel(); ++i)
        weight.tensor->view({-1}).select(0, i).fill_(0.1 * random.normal());
    }
    optimizer.parameters()[0].tensor->register_hook([this](const at::Tensor& gradient) {
      ++passes;
      return gradient;
    });
  }

  static TrainConfig make_config() {
    TrainConfig config;
    config.lora.rank = 2;
    config.lora.alpha = 4;
    config.optim.max_grad_norm = std::nullopt;
    return config;
  }

  StepReport step(int64_t micro, int64_t group = 1, const std::set<std::string>& unread = {}) {
    const data::LoaderRules rules{.root = world.root(),
                                  .video = {},
                                  .order = {.seed = 1, .shuffle = true, .group_by_video = group},
                                  .batch = {.batch = 9, .micro = micro},
                                  .skip_bad_media = true};
    data::Loader loader(rows, policy, nullptr, rules, 0, 1);
    const Scorer scorer{policy, objective};
    const world::World alone;
    passes = 0;
    return train::step({scorer, rows, loader, optimizer, alone, unread}, 0);
  }

  /// Of the one step that was taken: AdamW's first moment is a tenth of its gradient.
  std::vector<at::Tensor> gradient() {
    std::vector<at::Tensor> all;
    for (size_t i = 0; i < optimizer.parameters().size(); ++i) all.push_back(optimizer.first().at(i).mul(10));
    return all;
  }
};

/// What the terms come to, each alone: the weighted sum of gradients and losses.
struct Expected {
  std::vector<at::Tensor> gradient;
  double loss = 0, norm = 0;
  int64_t pairs = 0;
};

Expected apart(const TinyWorld& world, const Json& terms) {
  Expected all;
  for (const Json& term : terms) {
    Json plain = term;
    plain.erase("weight");
    const double weight = term.value("weight", 1.0);
    Bench bench(world, plain);
    const StepReport report = bench.step(1);
    all.loss += weight * report.sums.loss(bench.objective);
    all.pairs = report.sums.pairs;
    const std::vector<at::Tensor> own = bench.gradient();
    for (size_t i = 0; i < own.size(); ++i) {
      if (all.gradient.size() <= i) all.gradient.push_back(own[i].mul(0));
      all.gradient[i] = all.gradient[i].add(own[i], weight);
    }
  }
  double square = 0;
  for (const at::Tensor& tensor : all.gradient) square += tensor.square().sum().item<double>();
  all.norm = std::sqrt(square);
  return all;
}

double distance(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  double square = 0;
  EXPECT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) square += a[i].sub(b[i]).square().sum().item<double>();
  return std::sqrt(square);
}

void expect_as(const StepReport& report, Bench& bench, const Expected& expected) {
  EXPECT_EQ(report.sums.pairs, expected.pairs);
  EXPECT_NEAR(report.sums.loss(bench.objective), expected.loss, 1e-9 * std::abs(expected.loss));
  EXPECT_NEAR(report.grad_norm, expected.norm, 1e-9 * expected.norm);
  EXPECT_LT(distance(bench.gradient(), expected.gradient), 1e-9 * expected.norm);
}

const std::vector<Json> kSums = {
    Json::array({kRrpo, weighted({{"name", "sft"}}, 0.3)}),
    Json::array({weighted({{"name", "sft"}}, 2), weighted(kRrpo, 0.5), weighted({{"name", "dpo"}}, 0.25)}),
    Json::array({kRrpo, weighted({{"name", "dpo"}}, 0.5)})};

const std::vector<std::pair<int64_t, int64_t>> kCuts = {{1, 1}, {4, 1}, {9, 1}, {3, 3}};

TEST(Sums, GradientIsTheSumOfTheGradientsHoweverTheWindowIsCut) {
  const TinyWorld world;
  for (const Json& terms : kSums) {
    SCOPED_TRACE(terms.dump());
    const Expected expected = apart(world, terms);
    for (const auto& [micro, group] : kCuts) {
      Bench bench(world, terms), single(world, kRrpo);
      expect_as(bench.step(micro, group), bench, expected);
      single.step(micro, group);
      EXPECT_EQ(bench.passes, single.passes);
    }
  }
}

TEST(Sums, EachTermIsReported) {
  const TinyWorld world;
  Bench bench(world, kSums[0]), rrpo(world, kRrpo), sft(world, {{"name", "sft"}});
  const MetricSums sums = bench.step(3).sums;
  const Json means = sums.means(bench.objective, "eval/");
  const double one = rrpo.step(3).sums.loss(rrpo.objective), two = sft.step(3).sums.loss(sft.objective);
  EXPECT_NEAR(means["eval/loss/rrpo"].get<double>(), one, 1e-12);
  EXPECT_NEAR(means["eval/loss/sft"].get<double>(), two, 1e-12);
  EXPECT_NEAR(means["eval/loss"].get<double>(), one + 0.3 * two, 1e-12);
  EXPECT_FALSE(rrpo.step(3).sums.means(rrpo.objective).contains("loss/rrpo"));
}

// Three of nine rows: their pairs and tokens count for nothing, and what the passes before came to is taken back.
TEST(Sums, ARowThatCannotBeReadMovesEveryDenominator) {
  const TinyWorld world;
  io::write_file(world.root() / "1-0.png", "no picture");
  for (const Json& terms : kSums) {
    SCOPED_TRACE(terms.dump());
    const Expected expected = apart(world, terms);
    EXPECT_EQ(expected.pairs, 6);
    for (const auto& [micro, group] : kCuts) {
      Bench bench(world, terms), warned(world, terms);
      const StepReport report = bench.step(micro, group);
      expect_as(report, bench, expected);
      EXPECT_EQ(report.skipped.size(), 3U);
      expect_as(warned.step(micro, group, {"row-1", "row-4", "row-7"}), warned, expected);
      EXPECT_EQ(distance(bench.gradient(), warned.gradient()), 0);
      EXPECT_LE(warned.passes, bench.passes);  // once, where nothing is new
      EXPECT_LE(bench.passes, 2 * warned.passes);
    }
  }
}

TEST(Sums, OneDenominatorNeedsNoSecondLook) {
  const TinyWorld world;
  io::write_file(world.root() / "1-0.png", "no picture");
  Bench bench(world, kSums[2]);
  EXPECT_EQ(bench.step(1).skipped.size(), 3U);
  EXPECT_EQ(bench.passes, 6);
}

TEST(Sums, ARowThatCanBeReadAgainCounts) {
  const TinyWorld world;
  const Expected expected = apart(world, kSums[0]);
  std::set<std::string> all;
  for (int i = 0; i < 9; ++i) all.insert("row-" + std::to_string(i));
  for (const auto& unread : {std::set<std::string>{"row-0"}, all}) {
    Bench bench(world, kSums[0]);
    expect_as(bench.step(1, 1, unread), bench, expected);
  }
}

TEST(Sums, ARowThatComesAndGoesEndsTheRun) {
  const TinyWorld world(2, 1);
  Bench bench(world, kSums[0]);
  const auto picture = world.root() / "1-0.png";
  const std::string good = read_file(picture, "test");
  bool there = true;
  bench.optimizer.parameters()[0].tensor->register_hook([&](const at::Tensor& gradient) {
    there = !there;
    io::write_file(picture, there ? good : "no picture");
    return gradient;
  });
  const data::LoaderRules rules{.root = world.root(),
                                .video = {},
                                .order = {.seed = 1, .shuffle = false},
                                .batch = {.batch = 2, .micro = 1},
                                .skip_bad_media = true};
  data::Loader loader(bench.rows, bench.policy, nullptr, rules, 0, 1);
  try {
    step({bench.policy, bench.objective}, bench.rows, loader, bench.optimizer, 1);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::environment);
    EXPECT_THAT(error.what(), HasSubstr("row-1: its media can be read at one time"));
  }
  for (const model::NamedTensor& weight : bench.optimizer.parameters()) EXPECT_FALSE(weight.tensor->grad().defined());
}

TEST(Sums, AListOfOneIsItsTermToTheLastBit) {
  const TinyWorld world;
  for (const Json& objective : {kRrpo, Json{{"name", "sft"}}}) {
    Bench single(world, objective), list(world, Json::array({objective}));
    EXPECT_EQ(single.step(2).grad_norm, list.step(2).grad_norm);
    EXPECT_EQ(distance(single.gradient(), list.gradient()), 0);
  }
}

}  // namespace
}  // namespace rrpo::train
