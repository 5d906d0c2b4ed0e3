// Lists of objectives: what their terms say alone, and what a list may not hold.
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "role_rows.h"
#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"
#include "support/temp_dir.h"

namespace rrpo::loss {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Every row that can stand beside the others, and one of them twice.
Json every_term() {
  Json list = Json::array();
  double weight = 0.5;
  for (const ObjectiveRow& row : objectives()) {
    if (!row.reference_apart) list.push_back({{"name", row.name}, {"weight", weight += 0.25}});
  }
  list.push_back({{"name", "rrpo"}, {"other_weight", 0.3}, {"beta", 0.7}});
  return list;
}
Json alone(Json term) {
  term.erase("weight");
  return term;
}

void expect_equal(const at::Tensor& actual, const at::Tensor& expected) {
  ASSERT_EQ(actual.defined(), expected.defined());
  if (expected.defined()) {
    EXPECT_TRUE(actual.equal(expected));
  }
}

TEST(Sums, EachTermSaysWhatItSaysAlone) {
  const Json list = every_term();
  const Objective sum = make_objective(list);
  const RoleRows rows(sum.roles);
  TokenStats stats = rows.stats();
  stats.weight = at::tensor({0.5, 2.0}, at::kDouble);
  const std::vector<Past> past(list.size(), {.rewards = 5, .answers = 2});
  const std::vector<LossOutput> outputs = sum.losses(stats, past);
  ASSERT_EQ(outputs.size(), list.size());
  for (size_t i = 0; i < list.size(); ++i) {
    SCOPED_TRACE(list[i].dump());
    const LossOutput expected = make_objective(alone(list[i])).losses(stats, {past[i]}).at(0);
    expect_equal(outputs[i].loss, expected.loss);
    expect_equal(outputs[i].chosen_reward, expected.chosen_reward);
    expect_equal(outputs[i].rejected_reward, expected.rejected_reward);
    expect_equal(outputs[i].kl, expected.kl);
    EXPECT_EQ(sum.terms[i].weight, list[i].value("weight", 1.0));
  }
}

/// The gradient at the logits of the weighted sum of terms.
at::Tensor gradient(const Json& config, const std::vector<Role>& roles) {
  const Objective objective = make_objective(config);
  const RoleRows rows(roles);
  at::Tensor total = at::zeros_like(rows.policy).sum();
  const std::vector<LossOutput> outputs = objective.losses(rows.stats());
  for (size_t i = 0; i < outputs.size(); ++i) total = total.add(outputs[i].loss.sum(), objective.terms[i].weight);
  total.backward();
  return rows.policy.grad();
}

TEST(Sums, TheGradientIsTheSumOfGradients) {
  const Json list = every_term();
  const std::vector<Role> roles = make_objective(list).roles;
  const at::Tensor actual = gradient(list, roles);
  at::Tensor expected = at::zeros_like(actual);
  for (const Json& term : list) expected = expected.add(gradient(alone(term), roles), term.value("weight", 1.0));
  EXPECT_LT(actual.sub(expected).abs().max().item<double>(), 1e-13 * expected.abs().max().item<double>());
}

TEST(Sums, NeedsAreUnited) {
  using enum Role;
  const Objective sum = make_objective(Json::parse(R"([{"name": "sft"}, {"name": "vdpo"}, {"name": "rrpo", "weight": 2}])"));
  EXPECT_THAT(sum.roles, ElementsAre(chosen, rejected, chosen_other));
  EXPECT_TRUE(sum.needs_reference && sum.needs_marks && sum.is_sum());
  EXPECT_FALSE(sum.reference_apart || sum.reads_past() || sum.reads(other_chosen));
  const Objective free = make_objective(Json::parse(R"([{"name": "sft"}, {"name": "simpo"}])"));
  EXPECT_THAT(free.roles, ElementsAre(chosen, rejected));
  EXPECT_FALSE(free.needs_reference || free.needs_marks);
  EXPECT_TRUE(make_objective(Json::parse(R"([{"name": "sft"}, {"name": "mpo"}])")).reads_past());
}

TEST(Sums, ATermThatStandsTwiceHasALabelOfItsOwn) {
  const Objective sum = make_objective(Json::parse(R"([{"name": "dpo"}, {"name": "sft"}, {"name": "dpo", "beta": 0.5}])"));
  EXPECT_EQ(sum.terms[0].label, "dpo");
  EXPECT_EQ(sum.terms[1].label, "sft");
  EXPECT_EQ(sum.terms[2].label, "dpo-2");
  EXPECT_EQ(sum.name(), "dpo + sft + dpo-2");
}

TEST(Sums, TheResolvedListMakesTheSame) {
  const Objective sum = make_objective(every_term());
  for (const Json& term : sum.config) {
    EXPECT_TRUE(term.contains("weight"));
    EXPECT_EQ(term.contains("beta"), term.at("name") != "sft" && term.at("name") != "dpa");
  }
  EXPECT_EQ(make_objective(sum.config).config, sum.config);
}

TEST(Sums, AListOfOneIsItsTerm) {
  const Objective one = make_objective(Json::parse(R"([{"name": "mdpo", "weight": 0.5}])"));
  EXPECT_FALSE(one.is_sum());
  EXPECT_EQ(one.terms[0].weight, 0.5);
}

std::string fault(const std::string& config) {
  try {
    make_objective(Json::parse(config));
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    return error.what();
  }
  return "no fault";
}

TEST(Sums, FaultsNameTheTermAndItsField) {
  EXPECT_THAT(fault("[]"), HasSubstr("objective"));
  EXPECT_THAT(fault(R"([{"name": "dpo"}, {"name": "sft", "weight": 0}])"), HasSubstr("objective.1.weight"));
  EXPECT_THAT(fault(R"([{"name": "dpo", "weight": -0.5}, {"name": "sft"}])"), HasSubstr("objective.0.weight"));
  EXPECT_THAT(fault(R"([{"name": "dpo", "weight": "much"}])"), HasSubstr("objective.0.weight"));
  EXPECT_THAT(fault(R"([{"name": "dpo"}, {"name": "sft", "beta": 0.1}])"), HasSubstr("objective.1.beta"));
  EXPECT_THAT(fault(R"([{"name": "dpo"}, {"name": "mdpo", "pair_weight": 0.1}])"), HasSubstr("objective.1.pair_weight"));
  EXPECT_THAT(fault(R"([{"name": "dpo"}, {"name": "simpo", "beta": 0}])"), HasSubstr("objective.1.beta"));
  EXPECT_THAT(fault(R"([{"name": "dpo"}, {"name": "sympoo"}])"), HasSubstr("objective.1.name"));
  EXPECT_THAT(fault(R"([{"name": "dpo"}, "sft"])"), HasSubstr("objective.1"));
  EXPECT_THAT(fault(R"({"name": "dpo", "weight": 2})"), HasSubstr("objective.weight"));
}

TEST(Sums, AReferenceOfItsOwnStandsBesideNoOther) {
  EXPECT_THAT(fault(R"([{"name": "longvpo"}, {"name": "dpo"}])"), HasSubstr("holds dpo"));
  EXPECT_THAT(fault(R"([{"name": "rrpo"}, {"name": "longvpo"}])"), HasSubstr("holds rrpo"));
  // One that has no reference may.
  for (const char* name : {"sft", "simpo", "longvpo"}) {
    const Objective sum = make_objective(Json::array({{{"name", "longvpo"}}, {{"name", name}}}));
    EXPECT_TRUE(sum.reference_apart) << name;
  }
}

TEST(Sums, TheShippedObjectivesAreLists) {
  int64_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test::source_file("configs/objectives"))) {
    SCOPED_TRACE(entry.path().string());
    // An object laid over a recipe would keep the fields of the recipe's own objective.
    const Json config = read_json(entry.path(), "test");
    EXPECT_TRUE(config.at("objective").is_array());
    EXPECT_FALSE(make_objective(config.at("objective")).terms.empty());
    ++files;
  }
  EXPECT_GE(files, 3);
}

TEST(Sums, BadValuesOfTheNewRows) {
  EXPECT_THAT(fault(R"({"name": "rrpo", "other_weight": -1})"), HasSubstr("objective.other_weight"));
  EXPECT_THAT(fault(R"({"name": "mdpo", "other_weight": -1})"), HasSubstr("objective.other_weight"));
  EXPECT_THAT(fault(R"({"name": "mdpo", "anchor_weight": -1})"), HasSubstr("objective.anchor_weight"));
  EXPECT_THAT(fault(R"({"name": "vdpo", "beta": 0})"), HasSubstr("objective.beta"));
  EXPECT_THAT(fault(R"({"name": "sympo", "pair_weight": -1})"), HasSubstr("objective.pair_weight"));
  EXPECT_THAT(fault(R"({"name": "sympo", "margin_weight": -1})"), HasSubstr("objective.margin_weight"));
  EXPECT_THAT(fault(R"({"name": "sympo", "anchor_weight": -1})"), HasSubstr("objective.anchor_weight"));
  EXPECT_THAT(fault(R"({"name": "longvpo", "rpo_alpha": -1})"), HasSubstr("objective.rpo_alpha"));
  EXPECT_THAT(fault(R"({"name": "simpo", "simpo_gamma": -1})"), HasSubstr("objective.simpo_gamma"));
  EXPECT_THAT(fault(R"({"name": "simpo", "label_smoothing": 0.5})"), HasSubstr("objective.label_smoothing"));
  EXPECT_THAT(fault(R"({"name": "simpo", "cpo_alpha": -1})"), HasSubstr("objective.cpo_alpha"));
  EXPECT_THAT(fault(R"({"name": "orpo", "beta": -0.1})"), HasSubstr("objective.beta"));
  EXPECT_THAT(fault(R"({"name": "mpo", "sigmoid_loss_weight": -1})"), HasSubstr("objective.sigmoid_loss_weight"));
  EXPECT_THAT(fault(R"({"name": "mpo", "bco_pair_loss_weight": -1})"), HasSubstr("objective.bco_pair_loss_weight"));
}

}  // namespace
}  // namespace rrpo::loss
