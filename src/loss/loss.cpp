#include "rrpo/loss/loss.h"

#include <ATen/ops/softplus.h>

#include "rows/rows.h"
#include "rrpo/util/table.h"

namespace rrpo::loss {

const std::vector<ObjectiveRow>& objectives() {
  static const std::vector<ObjectiveRow> rows = {
      rrpo_row(), dpo_row(), tdpo_row(), ddpo_row(), dpa_row(), sft_row(),
  };
  return rows;
}

Answers sum_answers(const at::Tensor& values, const TokenStats& stats) {
  const at::Tensor sums = values.new_zeros({2 * stats.pairs}).index_add(0, stats.row, values);
  return {sums.narrow(0, 0, stats.pairs), sums.narrow(0, stats.pairs, stats.pairs)};
}

Answers count_answers(const TokenStats& stats) {
  return sum_answers(stats.logp.detach().new_ones({stats.logp.numel()}), stats);
}

at::Tensor logistic(const at::Tensor& margin) { return at::softplus(margin.neg(), 1, 60); }

LossOutput with_rewards(const at::Tensor& loss, const Answers& reward, const TokenStats& stats) {
  return {.loss = loss,
          .chosen_reward = reward.chosen.detach(),
          .rejected_reward = reward.rejected.detach(),
          .kl = sum_answers(stats.kl.detach(), stats).chosen};
}

Objective make_objective(const Json& config) {
  field::require_object(config, "objective");
  Json resolved = Json::object();
  std::string name = "rrpo";
  if (config.contains("name")) field::read_value(name, config.at("name"), "objective.name");
  check_choice("objective.name", name, row_names(objectives()));
  const ObjectiveRow* row = find_row(objectives(), name);
  resolved["name"] = name;
  for (const FieldHelp& own : row->fields) resolved[own.path] = Json::parse(own.standard);
  overlay(resolved, config);
  const LossFunction loss = row->make(resolved);
  // The weight of a pair is the trainer's business, not the formula's: no row can forget it.
  const LossFunction weighted = [loss](const TokenStats& stats) {
    LossOutput output = loss(stats);
    if (stats.weight.defined()) output.loss = output.loss.mul(stats.weight.to(output.loss.scalar_type()));
    return output;
  };
  return {row, weighted, row->needs_marks(resolved), resolved};
}

}  // namespace rrpo::loss
