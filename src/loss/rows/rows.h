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
const ObjectiveRow& mdpo_row();
const ObjectiveRow& vdpo_row();
const ObjectiveRow& sympo_row();
const ObjectiveRow& longvpo_row();
const ObjectiveRow& simpo_row();
const ObjectiveRow& orpo_row();
const ObjectiveRow& mpo_row();

/// Sums of values by answer, of each role apart.
class RoleSums {
 public:
  /// `sums` [R P, …]: one after the other.
  RoleSums(at::Tensor sums, const TokenStats& stats) : sums_(std::move(sums)), stats_(stats) {}
  /// [P, …]; undefined for a role that the statistics do not have.
  at::Tensor of(Role role) const;

 private:
  at::Tensor sums_;
  const TokenStats& stats_;
};
/// Sums of values [M].
RoleSums sum_roles(const at::Tensor& values, const TokenStats& stats);
/// Rewards of whole answers: beta times the sum of log p_policy - log p_reference.
RoleSums sum_rewards(const TokenStats& stats, double beta);

/// One value for each chosen and each rejected answer under the row's own clip, [P] each.
struct Answers {
  at::Tensor chosen, rejected;
};
/// Sums of values [M] by answer.
Answers sum_answers(const at::Tensor& values, const TokenStats& stats);
/// The numbers of tokens, in the type of the statistics.
Answers count_answers(const TokenStats& stats);
/// Their log-likelihoods per token.
Answers mean_likelihood(const TokenStats& stats);

/// -log sigmoid(margin), finite for any finite margin.
at::Tensor logistic(const at::Tensor& margin);

/// A loss with what an objective with a reference reports beside it: rewards and the KL of the chosen answers, detached.
LossOutput with_rewards(const at::Tensor& loss, const Answers& reward, const TokenStats& stats);
/// The same of an objective without one: no KL, whether or not another term of the sum has a reference.
LossOutput without_reference(const at::Tensor& loss, const Answers& reward);

/// A row's own fields from its object at `at`; `Weights` lists them in `fields()`, what every term has is taken off.
template <class Weights>
Weights read_weights(const Json& config, const std::string& at = "objective") {
  Json own = config;
  for (const char* common : {"name", "weight"}) own.erase(common);
  Weights weights;
  field::read(weights, own, at);
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
