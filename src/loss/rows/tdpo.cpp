// Token-level Direct Preference Optimization: DPO with the sequential KL of both answers in the margin.
//
//   S(y) = sum over all tokens of y of ( log p_policy - log p_reference )
//   K(y) = sum over all tokens of y of KL( reference || policy )
//
//   variant 1  loss = -log sigmoid( beta * ( S(chosen) - S(rejected) - ( K(rejected) - K(chosen) ) ) )
//   variant 2  loss = -log sigmoid( beta * ( S(chosen) - S(rejected) - alpha * ( K(rejected) - stopped K(chosen) ) ) )
//
// No gradient flows through the stopped term: the policy is pulled by the rejected answer's KL alone. The rewards reported
// are beta * ( S(y) + K(y) ). Source: arXiv 2404.11999 and its authors' code.
#include "rows.h"

namespace rrpo::loss {

namespace {

struct TdpoWeights {
  double beta = 0.1;
  double alpha = 0.5;
  int64_t variant = 2;
  template <class V>
  void fields(V& v) {
    v("beta", beta, "scale of the rewards");
    v("alpha", alpha, "for variant 2: weight of the difference of the KL terms");
    v("variant", variant, "1 or 2; 2 sends no gradient through the chosen answer's KL");
  }
  void check(const std::string& at) const {
    check_positive(at, "beta", beta);
    check_not_negative(at, "alpha", alpha);
    if (variant != 1 && variant != 2) bad_field(at + ".variant", "is neither 1 nor 2", "give 1 or 2");
    if (variant == 1 && alpha != TdpoWeights{}.alpha)
      bad_field(at + ".alpha", "has no meaning for variant 1", "leave it out, or use variant 2");
  }
};

LossOutput tdpo(const TokenStats& stats, const TdpoWeights& weights) {
  const Answers gain = sum_answers(stats.logp.sub(stats.ref_logp), stats);
  const Answers kl = sum_answers(stats.kl, stats);
  const at::Tensor pull =
      weights.variant == 1 ? kl.rejected.sub(kl.chosen) : kl.rejected.sub(kl.chosen.detach()).mul(weights.alpha);
  const at::Tensor margin = gain.chosen.sub(gain.rejected).sub(pull);
  const Answers reward{gain.chosen.add(kl.chosen).mul(weights.beta), gain.rejected.add(kl.rejected).mul(weights.beta)};
  return with_rewards(logistic(margin.mul(weights.beta)), reward, stats);
}

LossFunction make(const Json& config, const std::string& at) {
  const auto weights = read_weights<TdpoWeights>(config, at);
  return [weights](const TokenStats& stats, const Past&) { return tdpo(stats, weights); };
}

}  // namespace

const ObjectiveRow& tdpo_row() {
  static const ObjectiveRow row{
      .name = "tdpo",
      .help = "rewards over whole answers, less the difference of their KL(reference || policy); reads no marks",
      .fields = describe<TdpoWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
