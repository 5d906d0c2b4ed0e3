// Data-augmented Phrase-level Alignment: each marked phrase of the chosen answer against the one of the same number in the
// rejected answer, by the policy alone, and a pull towards the reference.
//
//   loss = mean over phrases i of log( 1 + exp( L_i(rejected) - L_i(chosen) ) ) + alpha * KL(chosen)
//   L_i(y) = sum over tokens of phrase i of y of log p_policy, 0 where y has no phrase i
//   KL(y) = sum over all answer tokens of KL( reference || policy )
//
// The mean is over the phrase numbers that either answer of the pair has. The authors' takes it over a micro-batch, with a
// constant log 2 for each number that a pair lacks and another has: equal where every pair has as many phrases, or where a
// micro-batch holds one pair. They take the KL on other data, instructions with their answers; here it is that of the
// chosen answer. The rewards reported are sums of L_i. Source: arXiv 2405.18654 (HALVA) and its authors' code.
#include "rows.h"

namespace rrpo::loss {

namespace {

struct DpaWeights {
  double alpha = 0.4;
  template <class V>
  void fields(V& v) {
    v("alpha", alpha, "weight of KL(reference || policy) on the chosen answer; 0: without it");
  }
  void check(const std::string& at) const { check_not_negative(at, "alpha", alpha); }
};

/// Sums of `values` [M] by answer and phrase: [P, N] of each role, where N is the largest number of a phrase.
Answers sum_phrases(const at::Tensor& values, const TokenStats& stats, int64_t largest) {
  const int64_t answers = static_cast<int64_t>(stats.roles.size()) * stats.pairs;
  const at::Tensor cell = stats.row.mul(largest + 1).add(stats.phrase);
  const at::Tensor sums = values.new_zeros({answers * (largest + 1)}).index_add(0, cell, values);
  const RoleSums roles(sums.view({answers, largest + 1}).narrow(1, 1, largest), stats);
  return {roles.of(Role::chosen), roles.of(Role::rejected)};
}

/// The mean over the phrases of each pair, [P]; 0 for a pair without any.
at::Tensor contrast(const TokenStats& stats) {
  const int64_t largest = stats.phrase.max().item<int64_t>();
  const Answers likelihood = sum_phrases(stats.logp, stats, largest);
  const Answers tokens = sum_phrases(stats.logp.detach().new_ones({stats.logp.numel()}), stats, largest);
  const at::Tensor present = tokens.chosen.add(tokens.rejected).gt(0).to(stats.logp.scalar_type());
  const at::Tensor terms = logistic(likelihood.chosen.sub(likelihood.rejected)).mul(present);
  return terms.sum({1}).div(present.sum({1}).clamp_min(1));
}

LossOutput dpa(const TokenStats& stats, const DpaWeights& weights) {
  const at::Tensor marked = stats.phrase.gt(0).to(stats.logp.scalar_type());
  at::Tensor loss = contrast(stats);
  if (weights.alpha > 0) loss = loss.add(sum_answers(stats.kl, stats).chosen, weights.alpha);
  return with_rewards(loss, sum_answers(stats.logp.mul(marked), stats), stats);
}

LossFunction make(const Json& config, const std::string& at) {
  const auto weights = read_weights<DpaWeights>(config, at);
  return [weights](const TokenStats& stats, const Past&) { return dpa(stats, weights); };
}

}  // namespace

const ObjectiveRow& dpa_row() {
  static const ObjectiveRow row{
      .name = "dpa",
      .help = "each marked phrase against its counterpart, plus KL(reference || policy) on the chosen answer",
      .needs_marks = [](const Json&) { return true; },
      .fields = describe<DpaWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
