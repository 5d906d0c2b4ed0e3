// What the rows of the table of objectives share: sums over answers, and how a row reads its fields.
#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

#include "rrpo/loss/loss.h"

namespace rrpo::loss {

const ObjectiveRow& rrpo_row();
const ObjectiveRow& dpo_row();
const ObjectiveRow& sft_row();

/// Sums of values [M] by answer, split into those of the chosen and of the rejected answers, [P] each.
struct Answers {
  at::Tensor chosen, rejected;
};
Answers sum_answers(const at::Tensor& values, const TokenStats& stats);

/// -log sigmoid(margin), finite for any finite margin.
at::Tensor logistic(const at::Tensor& margin);

/// A row's own fields from the `objective` object; `Weights` lists them in `fields()`, `name` is taken off.
template <class Weights>
Weights read_weights(const Json& config) {
  Json own = config;
  own.erase("name");
  Weights weights;
  field::read(weights, own, "objective");
  return weights;
}

}  // namespace rrpo::loss
