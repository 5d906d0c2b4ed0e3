// RRPO: contrast over marked phrases, and a token-wise pull towards the reference on the chosen answer.
//
//   loss = -log sigmoid( r(chosen) - r(rejected) ) + alpha * KL(chosen)
//   r(y) = beta * sum over tokens of y inside a marked phrase of ( log p_policy - log p_reference )
//   KL(y) = sum over all answer tokens of KL( reference || policy )
//
// and with `other_weight`, a term of our own that is in no paper,
//
//   + other_weight * -log sigmoid( r(chosen|video) - r(chosen|other) )
//
// where r(chosen|other) is the same sum over the same tokens under the other clip that the row names: what the marked
// phrases say has to be seen in the right clip.
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
  double other_weight = 0;
  template <class V>
  void fields(V& v) {
    v("alpha", alpha, "weight of KL(reference || policy) on the chosen answer; 0: without it");
    v("beta", beta, "scale of the rewards");
    v("phrase_rewards", phrase_rewards, "rewards over marked phrases; false: over whole answers, reading no marks");
    v("other_weight", other_weight,
      "weight of the chosen answer's preference for its own clip over the other that the row names (ours); 0: without it");
  }
  void check(const std::string& at) const {
    check_not_negative(at, "alpha", alpha);
    check_positive(at, "beta", beta);
    check_not_negative(at, "other_weight", other_weight);
  }
};

LossOutput rrpo(const TokenStats& stats, const RrpoWeights& weights) {
  at::Tensor gain = stats.logp.sub(stats.ref_logp).mul(weights.beta);
  if (weights.phrase_rewards) gain = gain.mul(stats.phrase.gt(0).to(gain.scalar_type()));
  const RoleSums sums = sum_roles(gain, stats);
  const Answers reward{sums.of(Role::chosen), sums.of(Role::rejected)};
  at::Tensor loss = logistic(reward.chosen.sub(reward.rejected));
  // Adding 0 times the KL would compute the reference's logits once more on the way back.
  if (weights.alpha > 0) loss = loss.add(sum_answers(stats.kl, stats).chosen, weights.alpha);
  if (weights.other_weight > 0)
    loss = loss.add(logistic(reward.chosen.sub(sums.of(Role::chosen_other))), weights.other_weight);
  return with_rewards(loss, reward, stats);
}

LossFunction make(const Json& config, const std::string& at) {
  const auto weights = read_weights<RrpoWeights>(config, at);
  return [weights](const TokenStats& stats, const Past&) { return rrpo(stats, weights); };
}

std::vector<Role> roles(const Json& config) {
  std::vector<Role> read{Role::chosen, Role::rejected};
  if (read_weights<RrpoWeights>(config).other_weight > 0) read.push_back(Role::chosen_other);
  return read;
}

}  // namespace

const ObjectiveRow& rrpo_row() {
  static const ObjectiveRow row{
      .name = "rrpo",
      .help = "rewards over marked phrases, plus KL(reference || policy) on the chosen answer",
      .roles = roles,
      .needs_marks = [](const Json& config) { return read_weights<RrpoWeights>(config).phrase_rewards; },
      .fields = describe<RrpoWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
