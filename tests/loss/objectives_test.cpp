// Every objective against the code it comes from, by the golden file of scripts/oracles/objectives.py.
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rrpo/loss/loss.h"
#include "rrpo/util/json_file.h"
#include "support/parity.h"
#include "support/temp_dir.h"

namespace rrpo::loss {
namespace {

const Json& golden() {
  static const Json json = read_json(test::source_file("tests/golden/objectives/golden.json"), "test");
  return json;
}

at::Tensor numbers(const Json& list, at::ScalarType type = at::kDouble) {
  return at::tensor(list.get<std::vector<double>>(), at::kDouble).to(type);
}
at::Tensor integers(const Json& list) { return at::tensor(list.get<std::vector<int64_t>>(), at::kLong); }

/// Statistics of the golden rows, and the policy's logits that they hang on.
struct Rows {
  at::Tensor policy;  ///< [M, V]
  TokenStats stats;

  explicit Rows(at::ScalarType type) {
    const int64_t words = golden().at("words");
    policy = numbers(golden().at("policy"), type).view({-1, words}).requires_grad_();
    const at::Tensor reference = numbers(golden().at("reference"), type).view({-1, words});
    const TokenValues values = token_values_from_logits(policy, reference, integers(golden().at("labels")));
    stats = {values.logp, values.ref_logp,     values.kl, integers(golden().at("row")), integers(golden().at("phrase")),
             {},          golden().at("pairs")};
  }
  /// What the sum of the losses of a step over these rows is divided by.
  double denominator(Average average) const {
    if (average == Average::pairs) return static_cast<double>(stats.pairs);
    return static_cast<double>(stats.row.lt(stats.pairs).sum().item<int64_t>());
  }
};

/// The largest difference, over the largest expected value or, where all are smaller, over `least`.
double difference(const at::Tensor& actual, const at::Tensor& expected, double least = 1) {
  const double scale = std::max(least, expected.abs().max().item<double>());
  return actual.detach().to(at::kDouble).sub(expected).abs().max().item<double>() / scale;
}

void compare(const Json& one, at::ScalarType type, double tolerance) {
  const std::string part = "objective " + one.at("objective").at("name").get<std::string>(), original = one.at("original"),
                    kind = type == at::kDouble ? "double" : "float32", place = one.at("name");
  const auto expect_values = [&](const char* what, const at::Tensor& actual, const at::Tensor& expected, double least = 1) {
    test::expect_parity({part, original, "loss, rewards, gradient at the logits, " + kind, tolerance},
                        difference(actual, expected, least), place + ": " + what);
  };
  const Rows rows(type);
  const Objective objective = make_objective(one.at("objective"));
  const LossOutput output = objective.losses(rows.stats).at(0);
  const at::Tensor loss = output.loss.sum().div(rows.denominator(objective.row->average));
  expect_values("loss", loss, at::tensor({one.at("loss").get<double>()}, at::kDouble));
  if (one.contains("losses")) expect_values("loss", output.loss, numbers(one.at("losses")));
  if (one.contains("chosen_rewards")) {
    expect_values("rewards", output.chosen_reward, numbers(one.at("chosen_rewards")));
    expect_values("rewards", output.rejected_reward, numbers(one.at("rejected_rewards")));
  }
  loss.backward();
  expect_values("gradient at the logits", rows.policy.grad().flatten(), numbers(one.at("gradient")), 0);
}

TEST(Originals, EveryObjectiveHasACase) {
  std::vector<std::string> named;
  for (const Json& one : golden().at("cases")) named.push_back(one.at("objective").at("name"));
  for (const ObjectiveRow& row : objectives()) EXPECT_THAT(named, testing::Contains(row.name));
}

TEST(Originals, LossesRewardsAndGradientsAgreeInDouble) {
  for (const Json& one : golden().at("cases")) compare(one, at::kDouble, 1e-12);
}

TEST(Originals, LossesRewardsAndGradientsAgreeInFloat) {
  for (const Json& one : golden().at("cases")) compare(one, at::kFloat, 2e-6);
}

}  // namespace
}  // namespace rrpo::loss
