// The objectives: each a pure function from token statistics to one loss per pair.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "rrpo/loss/token_stats.h"
#include "rrpo/util/fields.h"
#include "rrpo/util/role.h"

namespace rrpo::loss {

/// What the mean of an optimizer step is taken over.
enum class Average { pairs, tokens };

/// Values per pair, [P]; rewards and KL are detached, undefined where the objective has none.
struct LossOutput {
  at::Tensor loss;  ///< times the weight of the pair; for Average::tokens the sum over its tokens
  at::Tensor chosen_reward, rejected_reward, kl;
};

/// What an objective knows of the optimizer steps before: the rewards of their answers.
struct Past {
  double rewards = 0;  ///< their sum
  double answers = 0;  ///< how many
  double mean() const { return answers > 0 ? rewards / answers : 0; }
};

using LossFunction = std::function<LossOutput(const TokenStats&, const Past&)>;

/// One row of the table of objectives.
struct ObjectiveRow {
  std::string name;
  std::string help;
  bool needs_reference = true;
  /// The reference is asked about a clip of its own, where the row names one.
  bool reference_apart = false;
  /// Reads `Past`: the run then keeps it, in its checkpoints too.
  bool reads_past = false;
  /// The answers that it reads, by its resolved fields, in the order of the enumeration.
  std::vector<Role> (*roles)(const Json& config) = [](const Json&) { return std::vector{Role::chosen, Role::rejected}; };
  /// Whether a pair without a marked token is useless to it, by its resolved fields.
  bool (*needs_marks)(const Json& config) = [](const Json&) { return false; };
  Average average = Average::pairs;
  std::vector<FieldHelp> fields;  ///< its own fields with their defaults
  /// The function with the fields read from `config` (the term's object with `name`), which stands at `at` in error lines.
  LossFunction (*make)(const Json& config, const std::string& at);
};

const std::vector<ObjectiveRow>& objectives();

/// One term of an objective.
struct Term {
  const ObjectiveRow* row = nullptr;
  std::string label;  ///< its name; with `-2` and so on where it stands a second time
  double weight = 1;
  LossFunction loss;
};

/// An objective ready to use: a row of the table, or a weighted sum of some.
struct Objective {
  std::vector<Term> terms;
  std::vector<Role> roles;  ///< that some term reads, in the order of the enumeration
  bool needs_reference = false;
  bool reference_apart = false;
  bool needs_marks = false;
  Json config;  ///< resolved, with defaults: an object, or a list of them

  bool reads(Role role) const;
  bool reads_past() const;
  bool is_sum() const { return terms.size() > 1; }
  /// The names of its rows, for messages.
  std::string name() const;
  /// What each term says of the same statistics; `past` by term, or empty where nothing was before.
  std::vector<LossOutput> losses(const TokenStats& stats, const std::vector<Past>& past = {}) const;
};

/// From `{"name": "rrpo", "alpha": 0.01, …}`, or a list of such objects, each with a `weight` (1) too. A name that is no
/// row, or a field of another row: Error(usage) with the nearest; so are terms that cannot stand together.
Objective make_objective(const Json& config);

}  // namespace rrpo::loss
