// Every objective against the code it comes from, by the golden file of scripts/oracles/objectives.py.
#include <ATen/ops/cat.h>
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

Role role_named(const std::string& name) {
  const auto* found = std::find_if(kRoles.begin(), kRoles.end(), [&](const RoleParts& role) { return role.name == name; });
  return static_cast<Role>(found - kRoles.begin());
}

/// Statistics of the golden rows, those of `others` behind the answers under their own clip, and the policy's logits that
/// they hang on.
struct Rows {
  at::Tensor policy;  ///< [M, V]
  TokenStats stats;

  Rows(at::ScalarType type, const Json& others) {
    const int64_t words = golden().at("words"), pairs = golden().at("pairs");
    std::vector<at::Tensor> logits{numbers(golden().at("policy"), type)}, reference{numbers(golden().at("reference"), type)},
        labels{integers(golden().at("labels"))}, row{integers(golden().at("row"))}, phrase{integers(golden().at("phrase"))};
    stats.pairs = pairs;
    for (const std::string name : others) {
      const Json& one = golden().at("others").at(name);
      logits.push_back(numbers(one.at("policy"), type));
      reference.push_back(numbers(one.at("reference"), type));
      labels.push_back(integers(one.at("labels")));
      row.push_back(integers(one.at("row")).add(static_cast<int64_t>(stats.roles.size()) * pairs));
      phrase.push_back(integers(one.at("phrase")));
      stats.roles.push_back(role_named(name));
    }
    policy = at::cat(logits).view({-1, words}).requires_grad_();
    const TokenValues values = token_values_from_logits(policy, at::cat(reference).view({-1, words}), at::cat(labels));
    stats.logp = values.logp;
    stats.ref_logp = values.ref_logp;
    stats.kl = values.kl;
    stats.row = at::cat(row);
    stats.phrase = at::cat(phrase);
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
  const Rows rows(type, one.value("others", Json::array()));
  const Objective objective = make_objective(one.at("objective"));
  const std::vector<Past> past{{.rewards = one.value("past", 0.0), .answers = 1}};
  const LossOutput output = objective.losses(rows.stats, past).at(0);
  const at::Tensor loss = output.loss.sum().div(rows.denominator(objective.terms[0].row->average));
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
  // No code of these could be had: closed forms and finite differences are in roles_test.cpp.
  std::vector<std::string> named{"vdpo", "longvpo"};
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
