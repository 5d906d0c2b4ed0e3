// RRPO: contrast over marked phrases, and a token-wise pull towards the reference on the chosen answer.
//
//   loss = -log sigmoid( r(chosen) - r(rejected) ) + alpha * KL(chosen)
//   r(y) = beta * sum over tokens of y inside a marked phrase of ( log p_policy - log p_reference )
//   KL(y) = sum over all answer tokens of KL( reference || policy )
//
// Only the union of marked tokens matters: renumbering or joining phrases changes nothing. An answer without a marked token
// has reward 0. Source: arXiv 2504.12083; constants and the sign of the KL term as in the authors' code, which adds it to
// the loss, where the formula on their page has it inside the negated bracket.
#include "rows.h"

namespace rrpo::loss {

namespace {

struct RrpoWeights {
  double alpha = 0.01;
  double beta = 0.1;
  template <class V>
  void fields(V& v) {
    v("alpha", alpha, "weight of KL(reference || policy) on the chosen answer");
    v("beta", beta, "scale of the rewards");
  }
  void check(const std::string& at) const {
    if (alpha < 0) bad_field(at + ".alpha", "is negative", "give 0 or more");
    if (beta <= 0) bad_field(at + ".beta", "is not positive", "give a number above 0");
  }
};

LossOutput rrpo(const TokenStats& stats, const RrpoWeights& weights) {
  const at::Tensor marked = stats.phrase.gt(0).to(stats.logp.scalar_type());
  const Answers reward = sum_answers(stats.logp.sub(stats.ref_logp).mul(marked).mul(weights.beta), stats);
  const Answers kl = sum_answers(stats.kl, stats);
  return {.loss = logistic(reward.chosen.sub(reward.rejected)).add(kl.chosen, weights.alpha),
          .chosen_reward = reward.chosen.detach(),
          .rejected_reward = reward.rejected.detach(),
          .kl = kl.chosen.detach()};
}

LossFunction make(const Json& config) {
  const auto weights = read_weights<RrpoWeights>(config);
  return [weights](const TokenStats& stats) { return rrpo(stats, weights); };
}

}  // namespace

const ObjectiveRow& rrpo_row() {
  static const ObjectiveRow row{
      .name = "rrpo",
      .help = "rewards over marked phrases, plus KL(reference || policy) on the chosen answer",
      .needs_marks = true,
      .fields = describe<RrpoWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
