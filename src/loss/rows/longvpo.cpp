// LongVPO: DPO whose reference is asked about a clip of its own, the part of a long video that the question is about.
//
//   loss = -log sigmoid( r(chosen) - r(rejected) ) + rpo_alpha * ( -log p_policy(chosen|video) / |chosen| )
//   r(y) = beta * sum over all tokens of y of ( log p_policy(token|video) - log p_reference(token|reference) )
//
// A reference of short context need not score a long one. The KL reported lies between the two models under their own clips.
// Source: arXiv 2602.02341, whose weight of the likelihood was not found: here it is 0 unless it is given. Its code was not
// to be had.
#include "rows.h"

namespace rrpo::loss {

namespace {

struct LongvpoWeights {
  double beta = 0.1;
  double rpo_alpha = 0;
  template <class V>
  void fields(V& v) {
    v("beta", beta, "scale of the rewards");
    v("rpo_alpha", rpo_alpha, "weight of the chosen answer's negative log-likelihood per token; 0: without it");
  }
  void check(const std::string& at) const {
    check_positive(at, "beta", beta);
    check_not_negative(at, "rpo_alpha", rpo_alpha);
  }
};

LossOutput longvpo(const TokenStats& stats, const LongvpoWeights& weights) {
  const RoleSums sums = sum_rewards(stats, weights.beta);
  const Answers reward{sums.of(Role::chosen), sums.of(Role::rejected)};
  at::Tensor loss = logistic(reward.chosen.sub(reward.rejected));
  if (weights.rpo_alpha > 0) loss = loss.sub(mean_likelihood(stats).chosen, weights.rpo_alpha);
  return with_rewards(loss, reward, stats);
}

LossFunction make(const Json& config, const std::string& at) {
  const auto weights = read_weights<LongvpoWeights>(config, at);
  return [weights](const TokenStats& stats, const Past&) { return longvpo(stats, weights); };
}

}  // namespace

const ObjectiveRow& longvpo_row() {
  static const ObjectiveRow row{
      .name = "longvpo",
      .help = "DPO whose reference is asked about the clip that the row calls `reference`",
      .reference_apart = true,
      .fields = describe<LongvpoWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
