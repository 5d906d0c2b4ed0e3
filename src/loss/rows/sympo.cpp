// SymMPO: two clips, each with its right answer, and each answer preferred under its clip by as much.
//
//   loss = -log sigmoid( r(chosen|video) - r(rejected|video) )
//        - pair_weight * ( log sigmoid(m1) + log sigmoid(m2) )
//        + margin_weight * (m1 - m2)^2
//        - anchor_weight * ( log sigmoid( r(chosen|video) - delta ) + log sigmoid( r(other_chosen|other) - delta ) )
//   m1 = r(chosen|video) - r(other_chosen|video),  m2 = r(other_chosen|other) - r(chosen|other)
//   r(y|v) = beta * sum over all tokens of y of ( log p_policy - log p_reference ), y under the clip v
//
// Source: arXiv 2506.11712; defaults are its lambda, gamma, eta and delta. Its authors' code (Liuwq-bit/SymMPO) differs: it
// squares log-ratios without beta, which is margin_weight / beta^2 here, and has another beta for the second anchor, with
// the same value in its command.
#include "rows.h"

namespace rrpo::loss {

namespace {

struct SympoWeights {
  double beta = 0.1;
  double pair_weight = 0.5;
  double margin_weight = 1e-4;
  double anchor_weight = 1;
  double delta = 0;
  template <class V>
  void fields(V& v) {
    v("beta", beta, "scale of the rewards");
    v("pair_weight", pair_weight, "weight of the two preferences between the answers of the two clips");
    v("margin_weight", margin_weight, "weight of the squared difference of their margins");
    v("anchor_weight", anchor_weight, "weight of the anchors on the rewards of both right answers");
    v("delta", delta, "what the anchors want those rewards to exceed");
  }
  void check(const std::string& at) const {
    check_positive(at, "beta", beta);
    check_not_negative(at, "pair_weight", pair_weight);
    check_not_negative(at, "margin_weight", margin_weight);
    check_not_negative(at, "anchor_weight", anchor_weight);
  }
};

LossOutput sympo(const TokenStats& stats, const SympoWeights& weights) {
  const RoleSums reward = sum_rewards(stats, weights.beta);
  const Answers own{reward.of(Role::chosen), reward.of(Role::rejected)};
  const at::Tensor other = reward.of(Role::other_chosen);
  const at::Tensor first = own.chosen.sub(reward.of(Role::other_chosen_video));
  const at::Tensor second = other.sub(reward.of(Role::chosen_other));
  const at::Tensor pairs = logistic(first).add(logistic(second));
  const at::Tensor anchors = logistic(own.chosen.sub(weights.delta)).add(logistic(other.sub(weights.delta)));
  const at::Tensor loss = logistic(own.chosen.sub(own.rejected))
                              .add(pairs, weights.pair_weight)
                              .add(first.sub(second).square(), weights.margin_weight)
                              .add(anchors, weights.anchor_weight);
  return with_rewards(loss, own, stats);
}

LossFunction make(const Json& config, const std::string& at) {
  const auto weights = read_weights<SympoWeights>(config, at);
  return [weights](const TokenStats& stats, const Past&) { return sympo(stats, weights); };
}

}  // namespace

const ObjectiveRow& sympo_row() {
  static const ObjectiveRow row{
      .name = "sympo",
      .help = "two clips, each with its right answer: every answer preferred under its clip, margins alike, anchors on both",
      .roles =
          [](const Json&) {
            return std::vector{Role::chosen, Role::rejected, Role::chosen_other, Role::other_chosen,
                               Role::other_chosen_video};
          },
      .fields = describe<SympoWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
