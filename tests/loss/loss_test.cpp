#include "rrpo/loss/loss.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "../../src/loss/token_function.h"
#include "role_rows.h"

namespace rrpo::loss {
namespace {

/// The published vectors: 4 answers (0, 1 chosen, 2, 3 rejected), 7 positions, 11 words; -100 is no label.
struct Golden {
  static constexpr int64_t kAnswers = 4, kPositions = 7, kWords = 11;
  static constexpr int64_t kLabels[4][7] = {{-100, -100, 3, 5, 1, 2, -100},
                                            {-100, 4, 4, 0, 2, -100, -100},
                                            {-100, -100, 3, 7, 1, 2, -100},
                                            {-100, 4, 6, 0, 2, -100, -100}};
  static constexpr int64_t kSigns[4][7] = {
      {0, 0, 0, 1, 0, 0, 0}, {0, 0, 1, 2, 0, 0, 0}, {0, 0, 0, 1, 0, 0, 0}, {0, 0, 1, 0, 2, 0, 0}};

  at::Tensor policy, reference;  ///< [M, 11] logits of the rows that predict a label
  at::Tensor labels, phrase, row;

  Golden() {
    std::vector<double> p, r;
    std::vector<int64_t> l, s, a;
    for (int64_t b = 0; b < kAnswers; ++b) {
      for (int64_t t = 0; t + 1 < kPositions; ++t) {
        if (kLabels[b][t + 1] < 0) continue;  // row t predicts position t + 1
        for (int64_t v = 0; v < kWords; ++v) {
          const double bd = static_cast<double>(b), td = static_cast<double>(t), vd = static_cast<double>(v);
          p.push_back(2 * std::sin(1.3 * bd + 0.7 * td * td + 0.37 * vd * (td + 1)));
          r.push_back(2 * std::cos(0.9 * bd + 0.5 * td + 0.21 * vd * vd));
        }
        l.push_back(kLabels[b][t + 1]);
        s.push_back(kSigns[b][t + 1]);
        a.push_back(b);
      }
    }
    const int64_t rows = static_cast<int64_t>(l.size());
    policy = at::tensor(p, at::kDouble).view({rows, kWords}).requires_grad_();
    reference = at::tensor(r, at::kDouble).view({rows, kWords});
    labels = at::tensor(l, at::kLong);
    phrase = at::tensor(s, at::kLong);
    row = at::tensor(a, at::kLong);
  }

  TokenStats stats() const {
    const TokenValues values = token_values_from_logits(policy, reference, labels);
    return {values.logp, values.ref_logp, values.kl, row, phrase, at::tensor({1.0, 1.0}, at::kDouble), 2};
  }
};

void expect_values(const at::Tensor& actual, const std::vector<double>& expected, double tolerance) {
  ASSERT_EQ(actual.numel(), static_cast<int64_t>(expected.size()));
  for (int64_t i = 0; i < actual.numel(); ++i) {
    EXPECT_NEAR(actual.select(0, i).item<double>(), expected[static_cast<size_t>(i)], tolerance) << "value " << i;
  }
}

TEST(Golden, TokenStatisticsSumToThePublishedOnes) {
  const Golden golden;
  const TokenStats stats = golden.stats();
  const auto sum = [&](const at::Tensor& values) { return values.new_zeros({4}).index_add(0, golden.row, values).detach(); };
  expect_values(sum(stats.logp.sub(stats.ref_logp)), {6.387938, -2.292190, -3.143923, 0.756776}, 6e-7);
  expect_values(sum(stats.kl), {4.567840, 5.072445, 4.206773, 5.235112}, 6e-7);
  expect_values(sum(stats.logp), {-7.522878, -17.927149, -16.532173, -11.066920}, 6e-7);
}

TEST(Golden, RrpoAndItsGradient) {
  const Golden golden;
  const Objective rrpo = make_objective(Json{{"name", "rrpo"}, {"alpha", 0.05}, {"beta", 0.5}});
  const at::Tensor loss = rrpo.losses(golden.stats()).at(0).loss;
  expect_values(loss.detach(), {0.820203, 2.998732}, 6e-7);
  EXPECT_NEAR(loss.mean().item<double>(), 1.9094675, 6e-8);
  loss.mean().backward();
  const at::Tensor squares = golden.policy.grad().square().sum({1});
  EXPECT_NEAR(squares.sum().sqrt().item<double>(), 0.5113122, 1e-7);
  expect_values(squares.new_zeros({4}).index_add(0, golden.row, squares).sqrt(), {0.102755, 0.362379, 0.109111, 0.328112},
                6e-7);
}

TEST(Golden, DpoAndSft) {
  const Golden golden;
  expect_values(make_objective(Json{{"name", "dpo"}}).losses(golden.stats()).at(0).loss.detach(), {0.326069, 0.857171},
                6e-7);
  // NLL of the chosen answers, mean over their 4 + 4 tokens.
  const at::Tensor sums = make_objective(Json{{"name", "sft"}}).losses(golden.stats()).at(0).loss.detach();
  EXPECT_NEAR(sums.sum().item<double>() / 8, 3.181253, 6e-7);
}

/// Losses of an objective on the published rows.
void expect_losses(const Json& config, const std::vector<double>& expected, double tolerance = 6e-7) {
  SCOPED_TRACE(config.dump());
  expect_values(make_objective(config).losses(Golden().stats()).at(0).loss.detach(), expected, tolerance);
}

TEST(Golden, TheNeighboursOfDpo) {
  expect_losses({{"name", "dpo"}, {"label_smoothing", 0.1}}, {0.421387, 0.826681});
  expect_losses({{"name", "dpo"}, {"loss_type", "robust"}, {"label_smoothing", 0.1}}, {0.206921, 0.895283});
  expect_losses({{"name", "dpo"}, {"loss_type", "hinge"}}, {0.046814, 1.304897});
  expect_losses({{"name", "dpo"}, {"loss_type", "ipo"}}, {6.848871, 33.203428});
  expect_losses({{"name", "dpo"}, {"loss_type", "ipo"}, {"ipo_average", false}}, {20.537766, 64.785859});
  // The likelihood term is that of 4 tokens of each chosen answer: 7.522878 / 4 and 17.927149 / 4.
  expect_losses({{"name", "dpo"}, {"rpo_alpha", 1}}, {0.326069 + 1.8807195, 0.857171 + 4.48178725}, 1.2e-6);
}

TEST(Golden, TdpoAndDdpo) {
  expect_losses({{"name", "tdpo"}, {"variant", 1}}, {0.316153, 0.866567});
  expect_losses({{"name", "tdpo"}}, {0.321078, 0.861861});
  expect_losses({{"name", "ddpo"}, {"gamma", 5}, {"average", true}}, {0.402259, 1.327881});
  expect_losses({{"name", "ddpo"}, {"gamma", 5}}, {0.003610, 12.239336});
}

TEST(Golden, SimpoAndOrpo) {
  expect_losses({{"name", "simpo"}}, {0.029614, 4.441957});
  // The likelihoods are those above, over 4 tokens; 0.086703 and 1.926101 are the published -log sigmoid of the odds ratio.
  expect_losses({{"name", "orpo"}}, {1.8807195 + 0.0086703, 4.48178725 + 0.1926101}, 1.2e-6);
}

TEST(Golden, DpaLeavesOutThePhraseThatAPairHasNot) {
  // Pair 0 has phrase 1, pair 1 has 1 and 2; the authors' mean over both pairs would count log 2 for phrase 2 of pair 0.
  expect_losses({{"name", "dpa"}, {"alpha", 0}}, {0.402777, (3.079351 + 3.027755) / 2});
  expect_losses({{"name", "dpa"}}, {0.402777 + 0.4 * 4.567840, (3.079351 + 3.027755) / 2 + 0.4 * 5.072445});
}

TEST(Golden, DpaMatchesPhrasesByNumber) {
  Golden golden;
  const Objective dpa = make_objective(Json{{"name", "dpa"}, {"alpha", 0}});
  const at::Tensor before = dpa.losses(golden.stats()).at(0).loss.detach();
  // Numbers with a gap, the same on both sides, are the same phrases.
  golden.phrase = golden.phrase.mul(3);
  EXPECT_TRUE(at::allclose(dpa.losses(golden.stats()).at(0).loss.detach(), before, 1e-15, 1e-15));
  // A phrase of the chosen answer alone stands against nothing: log(1 + exp(-L)), with L its log-likelihood.
  golden.phrase = golden.phrase.mul(golden.row.lt(2).to(at::kLong));
  const TokenStats stats = golden.stats();
  const double first = stats.logp.detach().mul(stats.phrase.gt(0)).mul(stats.row.eq(0)).sum().item<double>();
  EXPECT_NEAR(dpa.losses(stats).at(0).loss.select(0, 0).item<double>(), std::log1p(std::exp(-first)), 1e-14);
}

TEST(Golden, RenumberedPhrasesChangeNothing) {
  Golden golden;
  const Objective rrpo = make_objective(Json{{"name", "rrpo"}});
  const at::Tensor before = rrpo.losses(golden.stats()).at(0).loss.detach();
  golden.phrase = golden.phrase.gt(0).to(at::kLong).mul(7);
  EXPECT_TRUE(rrpo.losses(golden.stats()).at(0).loss.detach().equal(before));
}

TEST(Objectives, EveryRowPassesTheContract) {
  for (const ObjectiveRow& row : objectives()) {
    SCOPED_TRACE(row.name);
    EXPECT_FALSE(row.help.empty());
    const Objective objective = make_objective(Json{{"name", row.name}});
    for (const FieldHelp& own : row.fields) EXPECT_TRUE(objective.config.contains(own.path));
    TokenStats stats = RoleRows(objective.roles).stats();
    const LossOutput output = objective.losses(stats).at(0);
    ASSERT_EQ(output.loss.sizes(), at::IntArrayRef({2}));
    EXPECT_FALSE(output.chosen_reward.defined() && output.chosen_reward.requires_grad());
    EXPECT_FALSE(output.kl.defined() && output.kl.requires_grad());
    // A pair's weight multiplies its loss and no other's.
    stats.weight = at::tensor({1.0, 3.0}, at::kDouble);
    expect_values(objective.losses(stats).at(0).loss.detach().div(output.loss.detach()), {1, 3}, 1e-12);
    EXPECT_THROW(make_objective(Json{{"name", row.name}, {"gamma_of_nobody", 1}}), Error);
  }
}

TEST(Objectives, LogTwoWhenPolicyIsReference) {
  Golden golden;
  golden.reference = golden.policy.detach().clone();
  for (const char* name : {"rrpo", "dpo", "tdpo", "ddpo"}) {
    const LossOutput output = make_objective(Json{{"name", name}}).losses(golden.stats()).at(0);
    expect_values(output.loss.detach(), {std::log(2.0), std::log(2.0)}, 1e-14);
    expect_values(output.kl, {0, 0}, 0);
  }
}

TEST(Objectives, AllTokensMarkedAndNoKlIsDpo) {
  Golden golden;
  golden.phrase = golden.phrase.fill_(1);
  const at::Tensor rrpo = make_objective(Json{{"name", "rrpo"}, {"alpha", 0}}).losses(golden.stats()).at(0).loss;
  const at::Tensor dpo = make_objective(Json{{"name", "dpo"}}).losses(golden.stats()).at(0).loss;
  EXPECT_TRUE(at::allclose(rrpo, dpo, 1e-14, 1e-14));
}

TEST(Objectives, WholeAnswersReadNoMarks) {
  Golden golden;
  const Objective whole = make_objective(Json{{"name", "rrpo"}, {"phrase_rewards", false}});
  EXPECT_FALSE(whole.needs_marks);
  EXPECT_TRUE(make_objective(Json{{"name", "rrpo"}}).needs_marks);
  const at::Tensor before = whole.losses(golden.stats()).at(0).loss.detach();
  golden.phrase = golden.phrase.fill_(1);
  EXPECT_TRUE(whole.losses(golden.stats()).at(0).loss.detach().equal(before));
}

TEST(Objectives, AKlWithoutWeightIsReportedAndCostsNoBackward) {
  const Golden golden;
  for (const char* name : {"rrpo", "dpa"}) {
    TokenStats stats = golden.stats();
    stats.kl = stats.kl.detach().requires_grad_();
    const LossOutput output = make_objective(Json{{"name", name}, {"alpha", 0}}).losses(stats).at(0);
    expect_values(output.kl, {4.567840, 5.072445}, 6e-7);
    output.loss.sum().backward();
    EXPECT_FALSE(stats.kl.grad().defined()) << name;
  }
}

TEST(Objectives, FieldsOfOthersAndBadValuesAreRefused) {
  const auto fault = [](const Json& config) {
    try {
      make_objective(config);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::usage);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(fault(Json{{"name", "dpo"}, {"alpha", 0.1}}), testing::HasSubstr("objective.alpha"));
  EXPECT_THAT(fault(Json{{"name", "sft"}, {"beta", 0.1}}), testing::HasSubstr("objective.beta"));
  EXPECT_THAT(fault(Json{{"name", "rrpp"}}), testing::HasSubstr("rrpo"));
  EXPECT_THAT(fault(Json{{"name", "rrpo"}, {"beta", 0}}), testing::HasSubstr("objective.beta"));
  EXPECT_THAT(fault(Json{{"name", "rrpo"}, {"alpha", -1}}), testing::HasSubstr("objective.alpha"));
  EXPECT_THAT(fault(Json{{"name", "dpo"}, {"loss_type", "hing"}}), testing::HasSubstr("objective.loss_type=hinge"));
  EXPECT_THAT(fault(Json{{"name", "dpo"}, {"label_smoothing", 0.5}}), testing::HasSubstr("objective.label_smoothing"));
  EXPECT_THAT(fault(Json{{"name", "dpo"}, {"loss_type", "ipo"}, {"label_smoothing", 0.1}}),
              testing::HasSubstr("no meaning"));
  EXPECT_THAT(fault(Json{{"name", "dpo"}, {"ipo_average", false}}), testing::HasSubstr("objective.ipo_average"));
  EXPECT_THAT(fault(Json{{"name", "tdpo"}, {"variant", 3}}), testing::HasSubstr("objective.variant"));
  EXPECT_THAT(fault(Json{{"name", "tdpo"}, {"variant", 1}, {"alpha", 1}}), testing::HasSubstr("objective.alpha"));
  EXPECT_THAT(fault(Json{{"name", "ddpo"}, {"gamma", 0}}), testing::HasSubstr("objective.gamma"));
  EXPECT_THAT(fault(Json{{"name", "dpa"}, {"beta", 0.1}}), testing::HasSubstr("objective.beta"));
}

/// Loss of rrpo over small random rows as a function of hidden rows and head.
struct Small {
  at::Tensor labels = at::randint(7, {5}, at::kLong), row = at::tensor({0, 0, 0, 1, 1}, at::kLong),
             phrase = at::tensor({0, 1, 2, 1, 0}, at::kLong), reference = at::randn({5, 3}, at::kDouble);
  at::Tensor loss(const at::Tensor& hidden, const at::Tensor& head) const {
    const TokenValues values = token_values(hidden, head, reference, labels);
    const TokenStats stats{values.logp, values.ref_logp, values.kl, row, phrase, {}, 1};
    return make_objective(Json{{"name", "rrpo"}, {"alpha", 0.3}, {"beta", 0.7}}).losses(stats).at(0).loss.sum();
  }
};

TEST(TokenValues, GradientsMeetFiniteDifferences) {
  const Small small;
  at::Tensor hidden = at::randn({5, 3}, at::kDouble).requires_grad_(),
             head = at::randn({7, 3}, at::kDouble).requires_grad_();
  // The reference reads the same head, which is frozen wherever a reference is used: its head gradient is the policy's
  // alone.
  small.loss(hidden, head).backward();
  const at::NoGradGuard frozen;
  const double step = 1e-6;
  for (int64_t i = 0; i < hidden.numel(); ++i) {
    at::Tensor shift = hidden.new_zeros({hidden.numel()});
    shift.select(0, i).fill_(step);
    shift = shift.view(hidden.sizes());
    const double rise =
        small.loss(hidden.add(shift), head).item<double>() - small.loss(hidden.sub(shift), head).item<double>();
    EXPECT_NEAR(hidden.grad().flatten().select(0, i).item<double>(), rise / (2 * step), 1e-8);
  }
}

TEST(TokenValues, HeadGradientWithoutReferenceMeetsAutograd) {
  const at::Tensor labels = at::randint(7, {5}, at::kLong);
  const at::Tensor hidden = at::randn({5, 3}, at::kDouble).requires_grad_(),
                   head = at::randn({7, 3}, at::kDouble).requires_grad_();
  const at::Tensor weight = at::randn({5}, at::kDouble);
  token_values(hidden, head, {}, labels).logp.mul(weight).sum().backward();
  const at::Tensor by_hidden = hidden.grad().clone(), by_head = head.grad().clone();
  hidden.mutable_grad().reset();
  head.mutable_grad().reset();
  hidden.mm(head.t()).log_softmax(-1).gather(1, labels.unsqueeze(1)).squeeze(1).mul(weight).sum().backward();
  EXPECT_TRUE(at::allclose(by_hidden, hidden.grad(), 1e-12, 1e-12));
  EXPECT_TRUE(at::allclose(by_head, head.grad(), 1e-12, 1e-12));
}

TEST(TokenValues, ChunksMeetTheWhole) {
  // 100 000 words: a chunk holds 167 rows, so 200 rows make two where nothing is kept.
  const RowRules rules{.kept_values = 0};
  const at::Tensor hidden = at::randn({200, 4}, at::kDouble).requires_grad_(), head = at::randn({100000, 4}, at::kDouble);
  const at::Tensor reference = at::randn({200, 4}, at::kDouble), labels = at::randint(100000, {200}, at::kLong);
  const TokenValues all = token_values_by(rules, hidden, head, reference, labels);
  all.logp.add(all.kl).sum().backward();
  const at::Tensor whole = hidden.grad().clone();
  for (const int64_t begin : {0, 166, 167, 199}) {
    const at::Tensor one = hidden.detach().narrow(0, begin, 1).clone().requires_grad_();
    const TokenValues alone = token_values(one, head, reference.narrow(0, begin, 1), labels.narrow(0, begin, 1));
    alone.logp.add(alone.kl).sum().backward();
    EXPECT_TRUE(at::allclose(alone.kl, all.kl.narrow(0, begin, 1), 1e-11, 1e-11));
    EXPECT_TRUE(at::allclose(one.grad(), whole.narrow(0, begin, 1), 1e-11, 1e-11));
  }
}

TEST(TokenValues, FiniteAtLargeLogits) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const int64_t answers = static_cast<int64_t>(kRoles.size()), rows = 3 * answers;
    const at::Tensor sign = at::rand({rows, 9}, type).gt(0.5).to(type).mul(2).sub(1);
    const at::Tensor policy = sign.mul(1e4).requires_grad_(), reference = sign.roll({1}, {1}).mul(1e4);
    const at::Tensor labels = at::randint(9, {rows}, at::kLong);
    const TokenValues values = token_values_from_logits(policy, reference, labels);
    const TokenStats stats{values.logp,
                           values.ref_logp,
                           values.kl,
                           at::arange(rows, at::kLong).div(3, "floor"),
                           at::tensor({1, 0, 1}, at::kLong).repeat({answers}),
                           {},
                           1,
                           all_roles()};
    for (const ObjectiveRow& row : objectives()) {
      const at::Tensor loss = make_objective(Json{{"name", row.name}}).losses(stats).at(0).loss.sum();
      EXPECT_TRUE(loss.isfinite().item<bool>()) << row.name;
      loss.backward({}, /*retain_graph=*/true);
      EXPECT_TRUE(policy.grad().isfinite().all().item<bool>()) << row.name;
    }
  }
}

TEST(TokenValues, KlIsNeverNegativeAndRunsFromReferenceToPolicy) {
  const at::Tensor policy = at::randn({200, 50}), nearby = policy.add(at::randn({200, 50}), 1e-4);
  const at::Tensor labels = at::randint(50, {200}, at::kLong);
  EXPECT_GE(token_values_from_logits(policy, nearby, labels).kl.min().item<double>(), 0);
  // Two words, policy (1/2, 1/2), reference (3/4, 1/4): KL(ref || policy) = 3/4 log 3/2 + 1/4 log 1/2 = 0.130812.
  const at::Tensor p = at::tensor({0.0, 0.0}, at::kDouble).view({1, 2}),
                   r = at::tensor({std::log(3.0), 0.0}, at::kDouble).view({1, 2});
  EXPECT_NEAR(token_values_from_logits(p, r, at::tensor({0}, at::kLong)).kl.item<double>(),
              0.75 * std::log(1.5) + 0.25 * std::log(0.5), 1e-15);
}

TEST(TokenValues, Bfloat16RowsAreReducedInFloat32) {
  const at::Tensor hidden = at::randn({4, 8}).to(at::kBFloat16).requires_grad_(),
                   head = at::randn({30, 8}).to(at::kBFloat16);
  const at::Tensor labels = at::randint(30, {4}, at::kLong);
  const TokenValues values = token_values(hidden, head, {}, labels);
  EXPECT_EQ(values.logp.scalar_type(), at::kFloat);
  const at::Tensor exact =
      hidden.detach().to(at::kDouble).mm(head.to(at::kDouble).t()).log_softmax(-1).gather(1, labels.unsqueeze(1)).squeeze(1);
  EXPECT_TRUE(at::allclose(values.logp.detach().to(at::kDouble), exact, 1e-5, 1e-5));
  values.logp.sum().backward();
  EXPECT_EQ(hidden.grad().scalar_type(), at::kBFloat16);
}

}  // namespace
}  // namespace rrpo::loss
