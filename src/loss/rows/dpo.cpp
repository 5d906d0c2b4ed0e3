// Direct Preference Optimization over whole answers.
//
//   loss = -log sigmoid( r(chosen) - r(rejected) ),  r(y) = beta * sum over all tokens of y of ( log p_policy - log
//   p_reference )
//
// Source: arXiv 2305.18290.
#include "rows.h"

namespace rrpo::loss {

namespace {

struct DpoWeights {
  double beta = 0.1;
  template <class V>
  void fields(V& v) {
    v("beta", beta, "scale of the rewards");
  }
  void check(const std::string& at) const {
    if (beta <= 0) bad_field(at + ".beta", "is not positive", "give a number above 0");
  }
};

LossOutput dpo(const TokenStats& stats, const DpoWeights& weights) {
  const Answers reward = sum_answers(stats.logp.sub(stats.ref_logp).mul(weights.beta), stats);
  return {.loss = logistic(reward.chosen.sub(reward.rejected)),
          .chosen_reward = reward.chosen.detach(),
          .rejected_reward = reward.rejected.detach(),
          .kl = sum_answers(stats.kl.detach(), stats).chosen};
}

LossFunction make(const Json& config) {
  const auto weights = read_weights<DpoWeights>(config);
  return [weights](const TokenStats& stats) { return dpo(stats, weights); };
}

}  // namespace

const ObjectiveRow& dpo_row() {
  static const ObjectiveRow row{
      .name = "dpo",
      .help = "rewards over whole answers; reads no marks",
      .fields = describe<DpoWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
