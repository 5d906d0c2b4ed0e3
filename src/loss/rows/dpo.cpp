// Direct Preference Optimization over whole answers, and its neighbours.
//
//   S(y) = sum over all tokens of y of ( log p_policy - log p_reference ),  m = beta * ( S(chosen) - S(rejected) )
//
//   sigmoid  -(1 - e) log sigmoid(m) - e log sigmoid(-m)
//   robust   ( -(1 - e) log sigmoid(m) + e log sigmoid(-m) ) / (1 - 2e)
//   hinge    max(0, 1 - m)
//   ipo      ( S(chosen)/|chosen| - S(rejected)/|rejected| - 1/(2 beta) )^2, or without the lengths
//
// with e = label_smoothing, to which is added rpo_alpha * ( -log p_policy(chosen) / |chosen| ). |y| counts tokens.
// The rewards reported are beta * S(y), whatever the loss.
//
// Source: sigmoid arXiv 2305.18290; its label smoothing (cDPO) the authors' repository; robust 2403.00409; hinge (SLiC)
// 2305.10425; ipo 2310.12036, whose lengths TRL has from the authors and the first implementation lacks; rpo_alpha
// 2404.19733. Names and meanings are those of TRL's DPOConfig. TRL takes the mean of the added term over the tokens of a
// micro-batch, here it is that of each pair, so that a step does not depend on its cut: equal where TRL's micro-batch holds
// one pair.
#include "rows.h"
#include "rrpo/util/table.h"

namespace rrpo::loss {

namespace {

struct DpoWeights {
  double beta = 0.1;
  std::string loss_type = "sigmoid";
  double label_smoothing = 0;
  double rpo_alpha = 0;
  bool ipo_average = true;
  template <class V>
  void fields(V& v) {
    v("beta", beta, "scale of the rewards; for ipo the regularisation, called tau in its paper");
    v("loss_type", loss_type, "sigmoid, robust, hinge or ipo");
    v("label_smoothing", label_smoothing, "for sigmoid and robust: the share of pairs taken to be the wrong way round");
    v("rpo_alpha", rpo_alpha, "weight of the chosen answer's negative log-likelihood per token; 0: without it");
    v("ipo_average", ipo_average, "for ipo: log-ratios per token, as in TRL; false: their sums, as first published");
  }
  void check(const std::string& at) const {
    check_positive(at, "beta", beta);
    check_choice(at + ".loss_type", loss_type, {"sigmoid", "robust", "hinge", "ipo"});
    check_not_negative(at, "rpo_alpha", rpo_alpha);
    check_not_negative(at, "label_smoothing", label_smoothing);
    if (label_smoothing >= 0.5) bad_field(at + ".label_smoothing", "is not below 0.5", "give a number in [0, 0.5)");
    if (label_smoothing > 0 && loss_type != "sigmoid" && loss_type != "robust")
      bad_field(at + ".label_smoothing", "has no meaning for " + loss_type, "leave it out, or use sigmoid or robust");
    if (!ipo_average && loss_type != "ipo")
      bad_field(at + ".ipo_average", "has no meaning for " + loss_type, "leave it out, or use ipo");
  }
};

at::Tensor ipo(const Answers& gain, const TokenStats& stats, const DpoWeights& weights) {
  Answers score = gain;
  if (weights.ipo_average) {
    const Answers length = count_answers(stats);
    score = {gain.chosen.div(length.chosen), gain.rejected.div(length.rejected)};
  }
  return score.chosen.sub(score.rejected).sub(1 / (2 * weights.beta)).square();
}

at::Tensor smoothed(const at::Tensor& margin, const DpoWeights& weights) {
  const double flipped = weights.label_smoothing;
  if (flipped == 0) return logistic(margin);
  const at::Tensor kept = logistic(margin).mul(1 - flipped), turned = logistic(margin.neg()).mul(flipped);
  if (weights.loss_type == "robust") return kept.sub(turned).div(1 - 2 * flipped);
  return kept.add(turned);
}

LossOutput dpo(const TokenStats& stats, const DpoWeights& weights) {
  const Answers gain = sum_answers(stats.logp.sub(stats.ref_logp), stats);
  const Answers reward{gain.chosen.mul(weights.beta), gain.rejected.mul(weights.beta)};
  const at::Tensor margin = reward.chosen.sub(reward.rejected);
  at::Tensor loss;
  if (weights.loss_type == "ipo") {
    loss = ipo(gain, stats, weights);
  } else if (weights.loss_type == "hinge") {
    loss = margin.neg().add(1).relu();
  } else {
    loss = smoothed(margin, weights);
  }
  if (weights.rpo_alpha > 0) {
    const at::Tensor mean = sum_answers(stats.logp, stats).chosen.div(count_answers(stats).chosen);
    loss = loss.sub(mean, weights.rpo_alpha);
  }
  return with_rewards(loss, reward, stats);
}

LossFunction make(const Json& config, const std::string& at) {
  const auto weights = read_weights<DpoWeights>(config, at);
  return [weights](const TokenStats& stats, const Past&) { return dpo(stats, weights); };
}

}  // namespace

const ObjectiveRow& dpo_row() {
  static const ObjectiveRow row{
      .name = "dpo",
      .help = "rewards over whole answers, reading no marks: DPO, cDPO, robust DPO, hinge, IPO, with a likelihood term",
      .fields = describe<DpoWeights>(),
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
