// RRPO: contrast over marked phrases, and a token-wise pull towards the reference on the chosen answer.
//
//   loss = -log sigmoid( r(chosen) - r(rejected) ) + alpha * KL(chosen)
//   r(y) = beta * sum over tokens of y inside a marked phrase of ( log p_policy - log p_reference )
//   KL(y) = sum over all answer tokens of KL( reference || policy )
//
// Only the union of marked tokens matters: renumbering or joining phrases changes nothing. An answer without a marked token
// has reward 0. The two parts of the paper's ablation: `phrase_rewards` false takes r over all tokens (DPO with KL), `alpha`
// 0 leaves the KL out of the loss (and the reference out of the backward pass); it is reported all the same.
// Source: arXiv 2504.12083; constants and the sign of the KL term as in the authors' code, which adds it to the loss, where
// the formula on their page has it inside the negated bracket.
#include "rows.h"

namespace rrpo::loss {

namespace {

struct RrpoWeights {
  double alpha = 0.01;
  double beta = 0.1;
  bool phrase_rewards = true;
  template <class V>
  void fields(V& v) {
    v("alpha", alpha, "weight of KL(reference || policy) on the chosen answer; 0: without it");
    v("beta", beta, "scale of the rewards");
    v("phrase_rewards", phrase_rewards, "rewards over marked phrases; false: over whole answers, reading no marks");
  }
  void check(const std::string& at) const {
    check_not_negative(at, "alpha", alpha);
    check_positive(at, "beta", beta);
  }
};

LossOutput rrpo(const TokenStats& stats, const RrpoWeights& weights) {
  at::Tensor gain = stats.logp.sub(stats.ref_logp).mul(weights.beta);
  if (weights.phrase_rewards) gain = gain.mul(stats.phrase.gt(0).to(gain.scalar_type()));
  const Answers reward = sum_answers(gain, stats);
  at::Tensor loss = logistic(reward.chosen.sub(reward.rejected));
  // Adding 0 times the KL would compute the reference's logits once more on the way back.
  if (weights.alpha > 0) loss = loss.add(sum_answers(stats.kl, stats).chosen, weights.alpha);
  return with_rewards(loss, reward, stats);
}

LossFunction make(const Json& config, const std::string& at) {
  const auto weights = read_weights<RrpoWeights>(config, at);
  return [weights](const TokenStats& stats, const Past&) { return rrpo(stats, weights); };
}

}  // namespace

const ObjectiveRow& rrpo_row() {
  static const ObjectiveRow row{
      .name = "rrpo",
      .help = "rewards over marked phrases, plus KL(reference || policy) on the chosen answer",
      .needs_marks = [](const Json& config) { return read_weights<RrpoWeights>(config).phrase_rewards; },
      .fields = describe<RrpoWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
