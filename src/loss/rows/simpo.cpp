// SimPO: the mean log-probability of an answer is its reward, and a margin is asked of the difference; no reference.
//
//   loss = -(1 - e) log sigmoid(m) - e log sigmoid(-m) + cpo_alpha * ( -log p_policy(chosen) / |chosen| )
//   m = beta * ( S(chosen)/|chosen| - S(rejected)/|rejected| ) - simpo_gamma
//   S(y) = sum over all tokens of y of log p_policy
//
// with e = label_smoothing. Source: arXiv 2405.14734; beta and the margin are those of its Llama-3-Base (the authors begin
// at a margin of half of beta). Names are those of TRL's CPOConfig, whose own defaults are beta 0.1, simpo_gamma 0.5 and
// cpo_alpha 1, which is CPO and SimPO added up. TRL takes the mean of the added term over the tokens of a micro-batch, here
// it is that of each pair.
#include "rows.h"

namespace rrpo::loss {

namespace {

struct SimpoWeights {
  double beta = 2;
  double simpo_gamma = 1;
  double label_smoothing = 0;
  double cpo_alpha = 0;
  template <class V>
  void fields(V& v) {
    v("beta", beta, "scale of the rewards");
    v("simpo_gamma", simpo_gamma, "by how much the chosen answer's reward should exceed the other's");
    v("label_smoothing", label_smoothing, "the share of pairs taken to be the wrong way round");
    v("cpo_alpha", cpo_alpha, "weight of the chosen answer's negative log-likelihood per token; 0: without it");
  }
  void check(const std::string& at) const {
    check_positive(at, "beta", beta);
    check_not_negative(at, "simpo_gamma", simpo_gamma);
    check_not_negative(at, "cpo_alpha", cpo_alpha);
    check_not_negative(at, "label_smoothing", label_smoothing);
    if (label_smoothing >= 0.5) bad_field(at + ".label_smoothing", "is not below 0.5", "give a number in [0, 0.5)");
  }
};

LossOutput simpo(const TokenStats& stats, const SimpoWeights& weights) {
  const Answers likelihood = mean_likelihood(stats);
  const Answers reward{likelihood.chosen.mul(weights.beta), likelihood.rejected.mul(weights.beta)};
  const at::Tensor margin = reward.chosen.sub(reward.rejected).sub(weights.simpo_gamma);
  at::Tensor loss = logistic(margin);
  if (weights.label_smoothing > 0)
    loss = loss.mul(1 - weights.label_smoothing).add(logistic(margin.neg()), weights.label_smoothing);
  if (weights.cpo_alpha > 0) loss = loss.sub(likelihood.chosen, weights.cpo_alpha);
  return without_reference(loss, reward);
}

LossFunction make(const Json& config, const std::string& at) {
  const auto weights = read_weights<SimpoWeights>(config, at);
  return [weights](const TokenStats& stats, const Past&) { return simpo(stats, weights); };
}

}  // namespace

const ObjectiveRow& simpo_row() {
  static const ObjectiveRow row{
      .name = "simpo",
      .help = "mean log-probabilities as rewards and a margin between them; no reference, reads no marks",
      .needs_reference = false,
      .fields = describe<SimpoWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
