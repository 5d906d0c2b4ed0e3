// Dense Direct Preference Optimization: DPO in which the tokens that make the difference count more.
//
//   loss = -log sigmoid( r(chosen) - r(rejected) )
//   r(y) = beta * sum over tokens t of y of w_t ( log p_policy - log p_reference ), divided by the sum of w_t when `average`
//   w_t = gamma inside a marked phrase, 1 elsewhere
//
// The marks are the changed segments. Source: arXiv 2312.00849 (RLHF-V), which averages; the defaults are those of its code
// (its published command has beta 0.1 and gamma 1.1), which finds the segments by comparing token ids.
#include "rows.h"

namespace rrpo::loss {

namespace {

struct DdpoWeights {
  double beta = 0.5;
  double gamma = 3;
  bool average = false;
  template <class V>
  void fields(V& v) {
    v("beta", beta, "scale of the rewards");
    v("gamma", gamma, "weight of a marked token; that of the others is 1");
    v("average", average, "divide each answer's sum by the sum of its weights");
  }
  void check(const std::string& at) const {
    check_positive(at, "beta", beta);
    check_positive(at, "gamma", gamma);
  }
};

LossOutput ddpo(const TokenStats& stats, const DdpoWeights& weights) {
  const at::Tensor marked = stats.phrase.gt(0).to(stats.logp.scalar_type());
  const at::Tensor weight = marked.mul(weights.gamma - 1).add(1);
  Answers reward = sum_answers(stats.logp.sub(stats.ref_logp).mul(weight).mul(weights.beta), stats);
  if (weights.average) {
    const Answers total = sum_answers(weight, stats);
    reward = {reward.chosen.div(total.chosen), reward.rejected.div(total.rejected)};
  }
  return with_rewards(logistic(reward.chosen.sub(reward.rejected)), reward, stats);
}

LossFunction make(const Json& config, const std::string& at) {
  const auto weights = read_weights<DdpoWeights>(config, at);
  return [weights](const TokenStats& stats, const Past&) { return ddpo(stats, weights); };
}

}  // namespace

const ObjectiveRow& ddpo_row() {
  static const ObjectiveRow row{
      .name = "ddpo",
      .help = "rewards over whole answers in which marked tokens count gamma times",
      .needs_marks = [](const Json&) { return true; },
      .fields = describe<DdpoWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
