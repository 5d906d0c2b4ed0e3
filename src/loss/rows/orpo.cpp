// ORPO: likelihood of the chosen answer, and its odds against the rejected one; no reference.
//
//   loss = -S(chosen)/|chosen| - beta * log sigmoid( log odds(chosen) - log odds(rejected) )
//   log odds(y) = P - log(1 - exp P),  P = S(y)/|y|,  S(y) = sum over all tokens of y of log p_policy
//
// The rewards reported are beta * P. Source: arXiv 2403.07691, where beta is lambda; the name is that of TRL's ORPOConfig.
// TRL takes the likelihood over the prompt too, and over a micro-batch; here it is that of the answer, of each pair.
#include "rows.h"

namespace rrpo::loss {

namespace {

struct OrpoWeights {
  double beta = 0.1;
  template <class V>
  void fields(V& v) {
    v("beta", beta, "weight of the odds ratio, called lambda in its paper");
  }
  void check(const std::string& at) const { check_positive(at, "beta", beta); }
};

/// The odds of a certain answer are not finite: it counts as one of probability 1 - 1e-12.
at::Tensor log_odds(const at::Tensor& likelihood) {
  return likelihood.sub(likelihood.clamp_max(-1e-12).expm1().neg().log());
}

LossOutput orpo(const TokenStats& stats, const OrpoWeights& weights) {
  const Answers likelihood = mean_likelihood(stats);
  const at::Tensor ratio = log_odds(likelihood.chosen).sub(log_odds(likelihood.rejected));
  const at::Tensor loss = logistic(ratio).mul(weights.beta).sub(likelihood.chosen);
  return without_reference(loss, {likelihood.chosen.mul(weights.beta), likelihood.rejected.mul(weights.beta)});
}

LossFunction make(const Json& config, const std::string& at) {
  const auto weights = read_weights<OrpoWeights>(config, at);
  return [weights](const TokenStats& stats, const Past&) { return orpo(stats, weights); };
}

}  // namespace

const ObjectiveRow& orpo_row() {
  static const ObjectiveRow row{
      .name = "orpo",
      .help = "likelihood of the chosen answer, and its odds against the rejected one; no reference, reads no marks",
      .needs_reference = false,
      .fields = describe<OrpoWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
