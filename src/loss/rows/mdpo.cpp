// mDPO: DPO, the same answer preferred under the right clip, and an anchor that keeps the better answer's reward up.
//
//   loss = -log sigmoid( r(chosen|video) - r(rejected|video) )
//        - other_weight * log sigmoid( r(chosen|video) - r(chosen|other) )
//        - anchor_weight * log sigmoid( r(chosen|video) - delta )
//   r(y|v) = beta * sum over all tokens of y of ( log p_policy - log p_reference ), y under the clip v
//
// A term of weight 0 is left out, and with it what it alone reads. The other clip is the row's: theirs is a crop of 0 to 20
// % of the picture. Source: arXiv 2406.11839 and its authors' code (luka-group/mDPO), which has neither weights nor a delta:
// the values here.
#include "rows.h"

namespace rrpo::loss {

namespace {

struct MdpoWeights {
  double beta = 0.1;
  double other_weight = 1;
  double anchor_weight = 1;
  double delta = 0;
  template <class V>
  void fields(V& v) {
    v("beta", beta, "scale of the rewards");
    v("other_weight", other_weight,
      "weight of the chosen answer's preference for its own clip over the other; 0: without it");
    v("anchor_weight", anchor_weight, "weight of the anchor on the chosen answer's reward; 0: without it");
    v("delta", delta, "what the anchor wants that reward to exceed");
  }
  void check(const std::string& at) const {
    check_positive(at, "beta", beta);
    check_not_negative(at, "other_weight", other_weight);
    check_not_negative(at, "anchor_weight", anchor_weight);
  }
};

LossOutput mdpo(const TokenStats& stats, const MdpoWeights& weights) {
  const RoleSums reward = sum_rewards(stats, weights.beta);
  const Answers own{reward.of(Role::chosen), reward.of(Role::rejected)};
  at::Tensor loss = logistic(own.chosen.sub(own.rejected));
  if (weights.other_weight > 0)
    loss = loss.add(logistic(own.chosen.sub(reward.of(Role::chosen_other))), weights.other_weight);
  if (weights.anchor_weight > 0) loss = loss.add(logistic(own.chosen.sub(weights.delta)), weights.anchor_weight);
  return with_rewards(loss, own, stats);
}

LossFunction make(const Json& config, const std::string& at) {
  const auto weights = read_weights<MdpoWeights>(config, at);
  return [weights](const TokenStats& stats, const Past&) { return mdpo(stats, weights); };
}

std::vector<Role> roles(const Json& config) {
  std::vector<Role> read{Role::chosen, Role::rejected};
  if (read_weights<MdpoWeights>(config).other_weight > 0) read.push_back(Role::chosen_other);
  return read;
}

}  // namespace

const ObjectiveRow& mdpo_row() {
  static const ObjectiveRow row{
      .name = "mdpo",
      .help = "DPO, the chosen answer preferred under its own clip, and an anchor on its reward; rows name another clip",
      .roles = roles,
      .fields = describe<MdpoWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
