// Objectives that read an answer under several clips, that have no reference, or that remember.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "role_rows.h"

namespace rrpo::loss {
namespace {

double s(double margin) { return std::log1p(std::exp(-margin)); }

/// One pair whose answers are of one token each, with these log-ratios; the reference gives every token a log-probability of
/// -2. The phrase of every token is 1.
TokenStats one_token(const std::map<Role, double>& ratios) {
  std::vector<double> logp, ref_logp(ratios.size(), -2.0), kl;
  std::vector<Role> roles;
  std::vector<int64_t> row;
  for (const auto& [role, ratio] : ratios) {
    row.push_back(static_cast<int64_t>(roles.size()));
    roles.push_back(role);
    logp.push_back(ratio - 2);
    kl.push_back(0.25 + static_cast<double>(role));
  }
  const at::Tensor answers = at::tensor(row, at::kLong);
  return {at::tensor(logp, at::kDouble),
          at::tensor(ref_logp, at::kDouble),
          at::tensor(kl, at::kDouble),
          answers,
          answers.clone().fill_(1),
          {},
          1,
          roles};
}

constexpr double kChosen = 1.5, kRejected = -0.5, kChosenOther = 0.25, kRight = 2.0, kRightVideo = -1.0;

TokenStats small() {
  return one_token({{Role::chosen, kChosen},
                    {Role::rejected, kRejected},
                    {Role::chosen_other, kChosenOther},
                    {Role::other_chosen, kRight},
                    {Role::other_chosen_video, kRightVideo}});
}

LossOutput output_of(const Json& config, const TokenStats& stats, const Past& past = {}) {
  return make_objective(config).losses(stats, {past}).at(0);
}
double loss_of(const Json& config, const TokenStats& stats, const Past& past = {}) {
  return output_of(config, stats, past).loss.select(0, 0).item<double>();
}
double only(const at::Tensor& value) { return value.select(0, 0).item<double>(); }

TEST(ClosedForm, Mdpo) {
  const double preferred = s(0.4 * (kChosen - kRejected)), own_clip = s(0.4 * (kChosen - kChosenOther));
  EXPECT_NEAR(loss_of({{"name", "mdpo"}, {"beta", 0.4}}, small()), preferred + own_clip + s(0.4 * kChosen), 1e-15);
  const Json weighted = {{"name", "mdpo"}, {"beta", 0.4}, {"other_weight", 0.7}, {"anchor_weight", 0.3}, {"delta", 0.2}};
  EXPECT_NEAR(loss_of(weighted, small()), preferred + 0.7 * own_clip + 0.3 * s(0.4 * kChosen - 0.2), 1e-15);
}

TEST(ClosedForm, MdpoWithoutItsTermsIsDpo) {
  const RoleRows rows({Role::chosen, Role::rejected});
  const at::Tensor mdpo = output_of({{"name", "mdpo"}, {"other_weight", 0}, {"anchor_weight", 0}}, rows.stats()).loss;
  EXPECT_TRUE(mdpo.equal(output_of({{"name", "dpo"}}, rows.stats()).loss));
}

TEST(ClosedForm, Vdpo) {
  const LossOutput output = output_of({{"name", "vdpo"}, {"beta", 0.4}}, small());
  EXPECT_NEAR(only(output.loss), s(0.4 * (kChosen - kChosenOther)), 1e-15);
  EXPECT_NEAR(only(output.chosen_reward), 0.4 * kChosen, 1e-15);
  EXPECT_NEAR(only(output.rejected_reward), 0.4 * kChosenOther, 1e-15);
  EXPECT_EQ(only(output.kl), 0.25);
}

TEST(ClosedForm, Sympo) {
  const double m1 = kChosen - kRightVideo, m2 = kRight - kChosenOther, preferred = s(0.4 * (kChosen - kRejected));
  const double pairs = s(0.4 * m1) + s(0.4 * m2), margins = 0.16 * (m1 - m2) * (m1 - m2);
  EXPECT_NEAR(loss_of({{"name", "sympo"}, {"beta", 0.4}}, small()),
              preferred + 0.5 * pairs + 1e-4 * margins + s(0.4 * kChosen) + s(0.4 * kRight), 1e-14);
  const Json weighted = {{"name", "sympo"},      {"beta", 0.4},          {"pair_weight", 0.3},
                         {"margin_weight", 0.7}, {"anchor_weight", 0.2}, {"delta", 0.1}};
  EXPECT_NEAR(loss_of(weighted, small()),
              preferred + 0.3 * pairs + 0.7 * margins + 0.2 * (s(0.4 * kChosen - 0.1) + s(0.4 * kRight - 0.1)), 1e-14);
}

TEST(ClosedForm, LongvpoIsDpoAgainstTheOtherReference) {
  const Objective objective = make_objective(Json{{"name", "longvpo"}});
  EXPECT_TRUE(objective.reference_apart && objective.needs_reference);
  // The statistics carry the reference's answer about its own clip.
  EXPECT_NEAR(loss_of({{"name", "longvpo"}, {"beta", 0.4}}, small()), s(0.4 * (kChosen - kRejected)), 1e-15);
  EXPECT_NEAR(loss_of({{"name", "longvpo"}, {"beta", 0.4}, {"rpo_alpha", 0.6}}, small()),
              s(0.4 * (kChosen - kRejected)) + 0.6 * (2 - kChosen), 1e-15);
}

TEST(ClosedForm, Mpo) {
  const double preferred = s(0.4 * (kChosen - kRejected)), likelihood = 2 - kChosen;
  const auto quality = [](double delta) { return s(0.4 * kChosen - delta) + s(delta - 0.4 * kRejected); };
  EXPECT_NEAR(loss_of({{"name", "mpo"}, {"beta", 0.4}}, small()), 0.8 * preferred + 0.2 * quality(0) + likelihood, 1e-15);
  EXPECT_NEAR(loss_of({{"name", "mpo"}, {"beta", 0.4}}, small(), {.rewards = 3, .answers = 4}),
              0.8 * preferred + 0.2 * quality(0.75) + likelihood, 1e-15);
  const Json weighted = {
      {"name", "mpo"}, {"beta", 0.4}, {"sigmoid_loss_weight", 0.3}, {"bco_pair_loss_weight", 0.5}, {"rpo_alpha", 0.7}};
  EXPECT_NEAR(loss_of(weighted, small(), {.rewards = -1, .answers = 2}),
              0.3 * preferred + 0.5 * quality(-0.5) + 0.7 * likelihood, 1e-15);
}

TEST(ClosedForm, RrpoUnderTheOtherClip) {
  const TokenStats stats = small();
  const Json rrpo = {{"name", "rrpo"}, {"alpha", 0.1}, {"beta", 0.4}};
  Json other = rrpo;
  other["other_weight"] = 0.6;
  const double expected = 0.6 * s(0.4 * (kChosen - kChosenOther));
  EXPECT_NEAR(loss_of(other, stats) - loss_of(rrpo, stats), expected, 1e-15);
  EXPECT_NEAR(only(output_of(other, stats).chosen_reward), 0.4 * kChosen, 1e-15);
}

TEST(ClosedForm, RrpoUnderTheOtherClipReadsMarkedTokensAlone) {
  RoleRows rows({Role::chosen, Role::rejected, Role::chosen_other});
  const Json config = {{"name", "rrpo"}, {"other_weight", 1}, {"alpha", 0}};
  TokenStats stats = rows.stats();
  output_of(config, stats).loss.sum().backward();
  const at::Tensor moved = rows.policy.grad().abs().sum({1}).gt(0);
  EXPECT_TRUE(moved.equal(rows.phrase.gt(0)));
  // Over whole answers it is the second-video term of mDPO.
  Json whole = config;
  whole["phrase_rewards"] = false;
  const at::Tensor mdpo = output_of({{"name", "mdpo"}, {"anchor_weight", 0}}, stats).loss;
  EXPECT_LT(output_of(whole, stats).loss.sub(mdpo).abs().max().item<double>(), 1e-14);
}

TEST(ClosedForm, RewardsOfFreeRowsAreMeanLikelihoods) {
  for (const char* name : {"simpo", "orpo"}) {
    const LossOutput output = output_of({{"name", name}, {"beta", 0.4}}, small());
    EXPECT_NEAR(only(output.chosen_reward), 0.4 * (kChosen - 2), 1e-15) << name;
    EXPECT_NEAR(only(output.rejected_reward), 0.4 * (kRejected - 2), 1e-15) << name;
    EXPECT_FALSE(output.kl.defined()) << name;
  }
}

const std::vector<Json> kDifferentiable = {{{"name", "rrpo"}, {"alpha", 0.3}, {"other_weight", 0.7}},
                                           {{"name", "mdpo"}, {"other_weight", 0.7}, {"anchor_weight", 0.4}, {"delta", 0.3}},
                                           {{"name", "vdpo"}, {"beta", 0.7}},
                                           {{"name", "sympo"}, {"beta", 0.7}, {"margin_weight", 0.3}, {"delta", 0.2}},
                                           {{"name", "longvpo"}, {"beta", 0.7}, {"rpo_alpha", 0.5}},
                                           {{"name", "simpo"}, {"label_smoothing", 0.1}, {"cpo_alpha", 0.5}},
                                           {{"name", "orpo"}, {"beta", 0.7}},
                                           {{"name", "mpo"}, {"beta", 0.7}}};

TEST(Roles, GradientsMeetFiniteDifferences) {
  for (const Json& config : kDifferentiable) {
    SCOPED_TRACE(config.dump());
    const Objective objective = make_objective(config);
    const RoleRows rows(objective.roles);
    const auto loss = [&](const at::Tensor& logits) {
      const std::vector<Past> past{{.rewards = 3, .answers = 4}};
      return objective.losses(rows.stats_of(logits), past).at(0).loss.mul(at::tensor({1.0, 3.0}, at::kDouble)).sum();
    };
    loss(rows.policy).backward();
    const at::NoGradGuard frozen;
    for (int64_t i = 0; i < rows.policy.numel(); ++i) {
      at::Tensor shift = at::zeros({rows.policy.numel()}, at::kDouble);
      shift.select(0, i).fill_(1e-6);
      shift = shift.view(rows.policy.sizes());
      const double rise = loss(rows.policy.add(shift)).item<double>() - loss(rows.policy.sub(shift)).item<double>();
      ASSERT_NEAR(rows.policy.grad().flatten().select(0, i).item<double>(), rise / 2e-6, 1e-8) << "logit " << i;
    }
  }
}

std::vector<Role> roles_of(const Json& config) { return make_objective(config).roles; }

TEST(Roles, EachObjectiveNamesWhatItReads) {
  using enum Role;
  using testing::ElementsAre;
  EXPECT_THAT(roles_of({{"name", "mdpo"}}), ElementsAre(chosen, rejected, chosen_other));
  EXPECT_THAT(roles_of({{"name", "mdpo"}, {"other_weight", 0}}), ElementsAre(chosen, rejected));
  EXPECT_THAT(roles_of({{"name", "vdpo"}}), ElementsAre(chosen, chosen_other));
  EXPECT_THAT(roles_of({{"name", "sympo"}}), ElementsAre(chosen, rejected, chosen_other, other_chosen, other_chosen_video));
  EXPECT_THAT(roles_of({{"name", "rrpo"}}), ElementsAre(chosen, rejected));
  EXPECT_THAT(roles_of({{"name", "rrpo"}, {"other_weight", 0.1}}), ElementsAre(chosen, rejected, chosen_other));
  for (const char* name : {"longvpo", "simpo", "orpo", "mpo", "dpo"})
    EXPECT_THAT(roles_of({{"name", name}}), ElementsAre(chosen, rejected)) << name;
  EXPECT_THAT(roles_of({{"name", "sft"}}), ElementsAre(chosen));
}

/// Configurations that read every role that their objective can.
std::vector<Json> every_objective() {
  std::vector<Json> configs = {{{"name", "rrpo"}, {"other_weight", 0.5}}};
  for (const ObjectiveRow& row : objectives()) configs.push_back(Json{{"name", row.name}});
  return configs;
}

TEST(Roles, AnswersThatNobodyReadsChangeNothing) {
  const RoleRows all(all_roles());
  for (const Json& config : every_objective()) {
    SCOPED_TRACE(config.dump());
    const Objective objective = make_objective(config);
    const LossOutput own = objective.losses(RoleRows(objective.roles).stats()).at(0);
    const LossOutput among_others = objective.losses(all.stats()).at(0);
    EXPECT_TRUE(among_others.loss.equal(own.loss));
    if (own.chosen_reward.defined()) {
      EXPECT_TRUE(among_others.rejected_reward.equal(own.rejected_reward));
    }
  }
}

TEST(Roles, EveryAnswerThatIsNamedIsRead) {
  for (const Json& config : every_objective()) {
    SCOPED_TRACE(config.dump());
    const Objective objective = make_objective(config);
    const RoleRows rows(objective.roles);
    objective.losses(rows.stats()).at(0).loss.sum().backward();
    const at::Tensor moved = rows.policy.grad().abs().sum({1});
    const at::Tensor by_answer = at::zeros({static_cast<int64_t>(objective.roles.size()) * RoleRows::kPairs}, at::kDouble)
                                     .index_add(0, rows.row, moved);
    EXPECT_GT(by_answer.min().item<double>(), 0);
  }
}

TEST(Roles, PolicyAndReferenceAtOne) {
  const double unit = std::log(2.0);
  const auto loss = [](const Json& config) {
    RoleRows rows(all_roles());
    rows.reference = rows.policy.detach();
    return output_of(config, rows.stats()).loss.select(0, 0).item<double>();
  };
  EXPECT_NEAR(loss({{"name", "mdpo"}}), 3 * unit, 1e-14);
  EXPECT_NEAR(loss({{"name", "vdpo"}}), unit, 1e-14);
  EXPECT_NEAR(loss({{"name", "sympo"}}), 4 * unit, 1e-14);
  EXPECT_NEAR(loss({{"name", "longvpo"}}), unit, 1e-14);
  EXPECT_NEAR(loss({{"name", "mpo"}, {"rpo_alpha", 0}}), 1.2 * unit, 1e-14);
  EXPECT_NEAR(loss({{"name", "rrpo"}, {"other_weight", 0.5}}), 1.5 * unit, 1e-14);
}

TEST(Roles, FreeRowsReadNoReference) {
  for (const char* name : {"simpo", "orpo", "sft"}) {
    const Objective objective = make_objective(Json{{"name", name}});
    EXPECT_FALSE(objective.needs_reference) << name;
    const RoleRows rows(objective.roles);
    TokenStats stats = rows.stats();
    const at::Tensor with = objective.losses(stats).at(0).loss;
    stats.ref_logp.reset();
    stats.kl.reset();
    EXPECT_TRUE(objective.losses(stats).at(0).loss.equal(with)) << name;
  }
}

TEST(Roles, ACertainAnswerHasFiniteOdds) {
  // log-probability 0: odds without end, in the loss of ORPO and in its gradient.
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const at::Tensor logp = at::tensor({0.0, 0.0}, at::kDouble).to(type).requires_grad_();
    const TokenStats stats{logp, {}, {}, at::tensor({0, 1}, at::kLong), at::tensor({0, 0}, at::kLong), {}, 1};
    const at::Tensor loss = output_of({{"name", "orpo"}}, stats).loss;
    EXPECT_NEAR(only(loss), 0.1 * std::log(2.0), 1e-6);
    loss.sum().backward();
    EXPECT_TRUE(logp.grad().isfinite().all().item<bool>());
  }
}

TEST(Past, IsTheMeanRewardAndZeroAtFirst) {
  EXPECT_EQ(Past{}.mean(), 0);
  EXPECT_EQ((Past{.rewards = 3, .answers = 4}).mean(), 0.75);
  EXPECT_TRUE(make_objective(Json{{"name", "mpo"}}).reads_past());
  EXPECT_FALSE(make_objective(Json{{"name", "dpo"}}).reads_past());
}

}  // namespace
}  // namespace rrpo::loss
