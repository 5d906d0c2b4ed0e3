#include "rrpo/train/step.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <limits>

#include "data/tiny_world.h"
#include "rrpo/train/learner.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"

namespace rrpo::train {
namespace {

using test::TinyWorld;

/// A model in double with an adapter that is not zero, ready for steps.
struct Bench {
  const TinyWorld& world;
  TrainConfig config;
  loss::Objective objective;
  policy::Policy policy;
  data::Dataset rows;
  AdamW optimizer;

  Bench(const TinyWorld& world, const Json& objective, const std::vector<std::string>& trainable = {"lora"})
      : world(world),
        config(make_config(objective, trainable)),
        objective(loss::make_objective(objective)),
        policy(world.open(model::Dtype::float64)),
        rows(data::read_dataset({world.pairs()}, world.root(), policy,
                                {.roles = this->objective.roles, .marks = this->objective.needs_marks})),
        optimizer(prepare_trainable(policy, config), config.optim) {
    const at::NoGradGuard frozen;
    Random random(5, "adapter");
    for (model::NamedTensor& weight : model::adapter_tensors(policy.lvlm)) {
      for (int64_t i = 0; i < weight.tensor->numel(); ++i)
        weight.tensor->view({-1}).select(0, i).fill_(0.1 * random.normal());
    }
  }

  static TrainConfig make_config(const Json& objective, const std::vector<std::string>& trainable) {
    TrainConfig config;
    config.objective = objective;
    config.train.trainable = trainable;
    config.lora.rank = 2;
    config.lora.alpha = 4;
    config.optim.max_grad_norm = std::nullopt;
    return config;
  }

  data::Loader loader(int64_t batch, int64_t micro, int64_t group = 1) const {
    const data::LoaderRules rules{.root = world.root(),
                                  .video = {},
                                  .order = {.seed = 1, .shuffle = false, .group_by_video = group},
                                  .batch = {.batch = batch, .micro = micro}};
    return {rows, policy, nullptr, rules, 0, 1000};
  }

  StepReport one_step(int64_t batch, int64_t micro, int64_t group = 1) {
    data::Loader rows_of = loader(batch, micro, group);
    return step({policy, objective}, rows, rows_of, optimizer, 1e-3);
  }

  std::vector<at::Tensor> weights() const {
    std::vector<at::Tensor> copies;
    for (const model::NamedTensor& weight : optimizer.parameters()) copies.push_back(weight.tensor->detach().clone());
    return copies;
  }
};

void expect_same(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::allclose(a[i], b[i], tolerance, tolerance)) << "tensor " << i;
}

const std::vector<Json> kObjectives = {
    {{"name", "rrpo"}, {"alpha", 0.1}, {"beta", 0.5}},
    {{"name", "rrpo"}, {"alpha", 0}, {"phrase_rewards", false}},
    {{"name", "dpo"}, {"loss_type", "robust"}, {"label_smoothing", 0.1}, {"rpo_alpha", 0.5}},
    {{"name", "dpo"}, {"loss_type", "ipo"}},
    {{"name", "tdpo"}, {"variant", 1}},
    {{"name", "ddpo"}, {"average", true}},
    {{"name", "dpa"}},
    {{"name", "sft"}}};

TEST(Step, DoesNotDependOnTheCutIntoMicroBatchesOrOnGrouping) {
  const TinyWorld world(3, 3);  // rows of one video are not neighbours: 0 1 2 0 1 2 0 1 2
  for (const Json& objective : kObjectives) {
    SCOPED_TRACE(objective.dump());
    Bench single(world, objective);
    const StepReport expected = single.one_step(9, 1);
    EXPECT_EQ(expected.sums.pairs, 9);
    EXPECT_GT(expected.grad_norm, 0);
    for (const auto& [micro, group] : {std::pair{9, 1}, std::pair{4, 1}, std::pair{3, 3}, std::pair{9, 3}}) {
      Bench other(world, objective);
      const StepReport report = other.one_step(9, micro, group);
      const double loss = expected.sums.terms.at(0).loss;
      EXPECT_NEAR(report.sums.terms.at(0).loss, loss, 1e-9 * std::abs(loss));
      EXPECT_NEAR(report.grad_norm, expected.grad_norm, 1e-9 * expected.grad_norm);
      EXPECT_EQ(report.sums.tokens, expected.sums.tokens);
      expect_same(other.weights(), single.weights(), 1e-7);
    }
  }
}

TEST(Step, MovesOnlyWhatIsTrained) {
  const TinyWorld world(2, 2);
  Bench bench(world, {{"name", "sft"}}, {"projector", "vision"});
  std::map<std::string, at::Tensor> before;
  for (const model::NamedTensor& weight : model::tensors(bench.policy.lvlm))
    before[weight.name] = weight.tensor->detach().clone();
  bench.one_step(4, 4);
  int64_t moved = 0;
  for (const model::NamedTensor& weight : model::tensors(bench.policy.lvlm)) {
    const bool same = weight.tensor->equal(before.at(weight.name));
    EXPECT_TRUE(same || weight.part != model::Part::decoder) << weight.name;
    moved += !same;
  }
  EXPECT_GT(moved, 10);
}

TEST(Step, AWeightOfTwoIsThePairTwice) {
  const TinyWorld world(2, 1);
  const Json objective = {{"name", "rrpo"}};
  Bench plain(world, objective), heavy(world, objective);
  heavy.rows.samples[0].weight = 2;
  const double pair = plain.one_step(2, 1).sums.terms.at(0).loss;
  data::Loader loader = plain.loader(1, 1);
  Bench fresh(world, objective);
  data::Loader first = fresh.loader(1, 1);
  const double one = step({fresh.policy, fresh.objective}, fresh.rows, first, fresh.optimizer, 0).sums.terms.at(0).loss;
  EXPECT_NEAR(heavy.one_step(2, 1).sums.terms.at(0).loss, pair + one, 1e-9);
}

TEST(Step, StopsBeforeTheUpdateAndNamesThePairWhenTheLossIsNotFinite) {
  const TinyWorld world(3, 1);
  Bench bench(world, {{"name", "rrpo"}});
  bench.rows.samples[1].weight = std::numeric_limits<double>::quiet_NaN();
  const std::vector<at::Tensor> before = bench.weights();
  try {
    bench.one_step(3, 3);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::numerics);
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("the loss"), testing::HasSubstr("row-1"),
                                             testing::Not(testing::HasSubstr("row-0"))));
    EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("checkpoint")));  // there is none
  }
  for (size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(before[i].equal(bench.weights()[i]));
}

TEST(Step, NamesTheCheckpointThatThereIs) {
  const TinyWorld world(2, 1);
  Bench bench(world, {{"name", "sft"}});
  bench.rows.samples[0].weight = std::numeric_limits<double>::quiet_NaN();
  data::Loader loader = bench.loader(2, 1);
  try {
    step({bench.policy, bench.objective}, bench.rows, loader, bench.optimizer, 0.1, 40);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("the checkpoint after step 40 is good"));
  }
}

/// A rejected answer's log-probability stands in no loss of `sft`, but in the scores.
TEST(CheckFinite, NamesThePairsOfEveryNumberThatIsNone) {
  const TinyWorld world(3, 1);
  Bench bench(world, {{"name", "rrpo"}});
  const at::NoGradGuard frozen;
  data::Loader loader = bench.loader(3, 3);
  const data::PairBatch batch = loader.next().value();
  Pass pass = forward({bench.policy, bench.objective}, bench.rows, batch);
  EXPECT_NO_THROW(check_finite(pass, batch));
  const int64_t last = pass.packed.labels.numel() - 1;
  ASSERT_EQ(pass.packed.answer.select(0, last).item<int64_t>(), 2 * batch.pairs() - 1);
  pass.stats.logp.select(0, last).fill_(-std::numeric_limits<double>::infinity());
  EXPECT_THAT(pairs_not_finite(pass, batch), testing::ElementsAre("row-2"));
  EXPECT_THROW(check_finite(pass, batch), Error);
}

TEST(Step, StopsBeforeTheUpdateWhenOnlyAGradientIsNotFinite) {
  const TinyWorld world(3, 1);
  Bench bench(world, {{"name", "sft"}});
  // A finite loss times a weight that overflows on the way back only: the derivative of the second row is scaled to
  // infinity.
  (*bench.optimizer.parameters()[0].tensor).register_hook([](const at::Tensor& gradient) {
    return gradient.mul(std::numeric_limits<double>::infinity());
  });
  const std::vector<at::Tensor> before = bench.weights();
  try {
    bench.one_step(3, 1);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::numerics);
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("the gradient"), testing::HasSubstr("row-0")));
  }
  for (size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(before[i].equal(bench.weights()[i]));
}

TEST(Step, AStopInTheMiddleOfAWindowEndsItWithinOnePassAndTakesNothing) {
  const TinyWorld world(4, 3);
  const Json objective = {{"name", "rrpo"}};
  Bench undisturbed(world, objective), bench(world, objective);
  int64_t passes = 0;
  (*bench.optimizer.parameters()[0].tensor).register_hook([&](const at::Tensor& gradient) {
    if (++passes == 3) set_stop_signal(SIGTERM);
    return gradient;
  });
  const std::vector<at::Tensor> before = bench.weights();
  EXPECT_THROW(bench.one_step(12, 1), Stopped);
  set_stop_signal(0);
  EXPECT_EQ(passes, 3);  // of 12
  expect_same(bench.weights(), before, 0);
  for (const model::NamedTensor& weight : bench.optimizer.parameters()) EXPECT_FALSE(weight.tensor->grad().defined());
  bench.one_step(12, 1);
  EXPECT_EQ(passes, 15);
  undisturbed.one_step(12, 1);
  for (size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(bench.weights()[i].equal(undisturbed.weights()[i]));
}

TEST(Step, GradientMeetsFiniteDifferencesThroughTheWholeModel) {
  const TinyWorld world(2, 2);
  for (const Json& objective : kObjectives) {
    SCOPED_TRACE(objective.dump());
    Bench bench(world, objective);
    const auto loss = [&] {
      data::Loader loader = bench.loader(4, 4);
      return forward({bench.policy, bench.objective}, bench.rows, *loader.next()).outputs.at(0).loss.sum();
    };
    loss().backward();
    // Along a random direction in all adapter tensors at once.
    std::vector<at::Tensor> direction;
    double slope = 0;
    for (const model::NamedTensor& weight : bench.optimizer.parameters()) {
      direction.push_back(at::randn(weight.tensor->sizes(), at::kDouble));
      slope += direction.back().mul(weight.tensor->grad()).sum().item<double>();
    }
    const at::NoGradGuard frozen;
    const auto at_distance = [&](double distance) {
      for (size_t i = 0; i < direction.size(); ++i) bench.optimizer.parameters()[i].tensor->add_(direction[i], distance);
      const double value = loss().item<double>();
      for (size_t i = 0; i < direction.size(); ++i) bench.optimizer.parameters()[i].tensor->sub_(direction[i], distance);
      return value;
    };
    const double measured = (at_distance(1e-6) - at_distance(-1e-6)) / 2e-6;
    EXPECT_NEAR(slope, measured, 1e-5 * std::abs(measured) + 1e-7);
  }
}

}  // namespace
}  // namespace rrpo::train
