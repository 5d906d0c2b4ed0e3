// MPO: which answer is better (DPO), how good each is (BCO), and how the better one is made (its likelihood).
//
//   loss = sigmoid_loss_weight * -log sigmoid( r(chosen) - r(rejected) )
//        + bco_pair_loss_weight * ( -log sigmoid( r(chosen) - delta ) - log sigmoid( delta - r(rejected) ) )
//        + rpo_alpha * ( -log p_policy(chosen) / |chosen| )
//   r(y) = beta * sum over all tokens of y of ( log p_policy - log p_reference )
//
// delta is the mean reward of all answers of the optimizer steps before, chosen and rejected; 0 in the first. Source: arXiv
// 2411.10442; weights and names are those of its authors' command (InternVL). Of two codes, TRL 0.28.0 and InternVL's take
// the micro-batch at hand into the mean and each micro-batch as one number; TRL 1.16.0 has no delta at all.
#include "rows.h"

namespace rrpo::loss {

namespace {

struct MpoWeights {
  double beta = 0.1;
  double sigmoid_loss_weight = 0.8;
  double bco_pair_loss_weight = 0.2;
  double rpo_alpha = 1;
  template <class V>
  void fields(V& v) {
    v("beta", beta, "scale of the rewards");
    v("sigmoid_loss_weight", sigmoid_loss_weight, "weight of the preference between the answers");
    v("bco_pair_loss_weight", bco_pair_loss_weight,
      "weight of the quality of each, against the mean reward of the steps before");
    v("rpo_alpha", rpo_alpha, "weight of the chosen answer's negative log-likelihood per token");
  }
  void check(const std::string& at) const {
    check_positive(at, "beta", beta);
    check_not_negative(at, "sigmoid_loss_weight", sigmoid_loss_weight);
    check_not_negative(at, "bco_pair_loss_weight", bco_pair_loss_weight);
    check_not_negative(at, "rpo_alpha", rpo_alpha);
  }
};

LossOutput mpo(const TokenStats& stats, const MpoWeights& weights, double delta) {
  const RoleSums sums = sum_rewards(stats, weights.beta);
  const Answers reward{sums.of(Role::chosen), sums.of(Role::rejected)};
  const at::Tensor preference = logistic(reward.chosen.sub(reward.rejected));
  const at::Tensor quality = logistic(reward.chosen.sub(delta)).add(logistic(reward.rejected.neg().add(delta)));
  const at::Tensor loss = preference.mul(weights.sigmoid_loss_weight)
                              .add(quality, weights.bco_pair_loss_weight)
                              .sub(mean_likelihood(stats).chosen, weights.rpo_alpha);
  return with_rewards(loss, reward, stats);
}

LossFunction make(const Json& config, const std::string& at) {
  const auto weights = read_weights<MpoWeights>(config, at);
  return [weights](const TokenStats& stats, const Past& past) { return mpo(stats, weights, past.mean()); };
}

}  // namespace

const ObjectiveRow& mpo_row() {
  static const ObjectiveRow row{
      .name = "mpo",
      .help =
          "preference, quality and likelihood together: DPO, BCO with a running mean of the rewards, NLL; reads no marks",
      .reads_past = true,
      .fields = describe<MpoWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
