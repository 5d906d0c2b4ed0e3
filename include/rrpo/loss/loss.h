// The objectives: each a pure function from token statistics to one loss per pair.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "rrpo/loss/token_stats.h"
#include "rrpo/util/fields.h"

namespace rrpo::loss {

/// What the mean of an optimizer step is taken over.
enum class Average { pairs, tokens };

/// Values per pair, [P]; rewards and KL are detached, undefined where the objective has none.
struct LossOutput {
  at::Tensor loss;  ///< times the weight of the pair; for Average::tokens the sum over its tokens
  at::Tensor chosen_reward, rejected_reward, kl;
};

using LossFunction = std::function<LossOutput(const TokenStats&)>;

/// One row of the table of objectives.
struct ObjectiveRow {
  std::string name;
  std::string help;
  bool needs_reference = true;
  bool needs_rejected = true;
  /// Whether a pair without a marked token is useless to it, by its resolved fields.
  bool (*needs_marks)(const Json& config) = [](const Json&) { return false; };
  Average average = Average::pairs;
  std::vector<FieldHelp> fields;  ///< its own fields with their defaults
  /// The function with the fields read from `config` (the `objective` object with `name`).
  LossFunction (*make)(const Json& config);
};

const std::vector<ObjectiveRow>& objectives();

/// An objective ready to use.
struct Objective {
  const ObjectiveRow* row = nullptr;
  LossFunction loss;
  bool needs_marks = false;
  Json config;  ///< resolved, with defaults
};

/// From `{"name": "rrpo", "alpha": 0.01, …}`; a name that is no row, or a field of another row: Error(usage) with the
/// nearest.
Objective make_objective(const Json& config);

}  // namespace rrpo::loss
