// Supervised fine-tuning on the chosen answers: -log p_policy, averaged over the answer tokens of the optimizer step.
#include "rows.h"

namespace rrpo::loss {

namespace {

struct SftWeights {
  template <class V>
  void fields(V&) {}
};

LossOutput sft(const TokenStats& stats) {
  return {.loss = sum_answers(stats.logp.neg(), stats).chosen, .chosen_reward = {}, .rejected_reward = {}, .kl = {}};
}

LossFunction make(const Json& config) {
  read_weights<SftWeights>(config);
  return sft;
}

}  // namespace

const ObjectiveRow& sft_row() {
  static const ObjectiveRow row{
      .name = "sft",
      .help = "log-likelihood of the chosen answers, mean over their tokens; reads question rows too",
      .needs_reference = false,
      .needs_rejected = false,
      .average = Average::tokens,
      .fields = {},
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
