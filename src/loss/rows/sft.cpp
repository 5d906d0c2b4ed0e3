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

LossFunction make(const Json& config, const std::string& at) {
  read_weights<SftWeights>(config, at);
  return [](const TokenStats& stats, const Past&) { return sft(stats); };
}

}  // namespace

const ObjectiveRow& sft_row() {
  static const ObjectiveRow row{
      .name = "sft",
      .help = "log-likelihood of the chosen answers, mean over their tokens; reads question rows too",
      .needs_reference = false,
      .roles = [](const Json&) { return std::vector{Role::chosen}; },
      .average = Average::tokens,
      .fields = {},
      .make = make,
  };
  return row;
}

}  // namespace rrpo::loss
