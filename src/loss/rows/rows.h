// What the rows of the table of objectives share: sums over answers, and how a row reads its fields.
#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

#include "rrpo/loss/loss.h"

namespace rrpo::loss {

const ObjectiveRow& rrpo_row();
const ObjectiveRow& dpo_row();
const ObjectiveRow& tdpo_row();
const ObjectiveRow& ddpo_row();
const ObjectiveRow& dpa_row();
const ObjectiveRow& sft_row();

/// One value for each chosen and each rejected answer, [P] each.
struct Answers {
  at::Tensor chosen, rejected;
};
/// Sums of values [M] by answer.
Answers sum_answers(const at::Tensor& values, const TokenStats& stats);
/// The numbers of tokens, in the type of the statistics.
Answers count_answers(const TokenStats& stats);

/// -log sigmoid(margin), finite for any finite margin.
at::Tensor logistic(const at::Tensor& margin);

/// A loss with what an objective with a reference reports beside it: rewards and the KL of the chosen answers, detached.
LossOutput with_rewards(const at::Tensor& loss, const Answers& reward, const TokenStats& stats);

/// A row's own fields from the `objective` object; `Weights` lists them in `fields()`, `name` is taken off.
template <class Weights>
Weights read_weights(const Json& config) {
  Json own = config;
  own.erase("name");
  Weights weights;
  field::read(weights, own, "objective");
  return weights;
}

/// For the `check` of a row's weights: each throws Error(usage) naming `at + "." + name`.
inline void check_positive(const std::string& at, const char* name, double value) {
  if (!(value > 0)) bad_field(at + "." + name, "is not positive", "give a number above 0");
}
inline void check_not_negative(const std::string& at, const char* name, double value) {
  if (!(value >= 0)) bad_field(at + "." + name, "is negative", "give 0 or more");
}

}  // namespace rrpo::loss
