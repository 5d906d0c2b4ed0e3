// VDPO: the same answer preferred under its own clip, without a rejected answer.
//
//   loss = -log sigmoid( r(chosen|video) - r(chosen|other) )
//   r(y|v) = beta * sum over all tokens of y of ( log p_policy - log p_reference ), y under the clip v
//
// The rewards reported as rejected are those under the other clip. The weight w(x) of a doubtful pair in the paper is the
// row's own `weight`, which multiplies every objective; which of several perturbed clips the row names is decided before.
// Source: arXiv 2504.05810 (PaMi-VDPO), without published code; its beta was not found, this is that of DPO.
#include "rows.h"

namespace rrpo::loss {

namespace {

struct VdpoWeights {
  double beta = 0.1;
  template <class V>
  void fields(V& v) {
    v("beta", beta, "scale of the rewards");
  }
  void check(const std::string& at) const { check_positive(at, "beta", beta); }
};

LossOutput vdpo(const TokenStats& stats, const VdpoWeights& weights) {
  const RoleSums reward = sum_rewards(stats, weights.beta);
  const Answers shown{reward.of(Role::chosen), reward.of(Role::chosen_other)};
  return with_rewards(logistic(shown.chosen.sub(shown.rejected)), shown, stats);
}

LossFunction make(const Json& config, const std::string& at) {
  const auto weights = read_weights<VdpoWeights>(config, at);
  return [weights](const TokenStats& stats, const Past&) { return vdpo(stats, weights); };
}

}  // namespace

const ObjectiveRow& vdpo_row() {
  static const ObjectiveRow row{
      .name = "vdpo",
      .help = "the chosen answer preferred under its own clip over the other that the row names; reads no rejected answer",
      .roles =
          [](const Json&) {
            return std::vector{Role::chosen, Role::chosen_other};
          },
      .fields = describe<VdpoWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
