#include "rrpo/loss/loss.h"

#include <ATen/ops/softplus.h>

#include <algorithm>
#include <map>
#include <utility>

#include "rows/rows.h"
#include "rrpo/util/table.h"

namespace rrpo::loss {

const std::vector<ObjectiveRow>& objectives() {
  static const std::vector<ObjectiveRow> rows = {
      rrpo_row(), dpo_row(),   tdpo_row(),    ddpo_row(),  dpa_row(),  sft_row(), mdpo_row(),
      vdpo_row(), sympo_row(), longvpo_row(), simpo_row(), orpo_row(), mpo_row(),
  };
  return rows;
}

at::Tensor RoleSums::of(Role role) const {
  const auto found = std::find(stats_.roles.begin(), stats_.roles.end(), role);
  if (found == stats_.roles.end()) return {};
  return sums_.narrow(0, (found - stats_.roles.begin()) * stats_.pairs, stats_.pairs);
}

RoleSums sum_roles(const at::Tensor& values, const TokenStats& stats) {
  const auto answers = static_cast<int64_t>(stats.roles.size()) * stats.pairs;
  return {values.new_zeros({answers}).index_add(0, stats.row, values), stats};
}

RoleSums sum_rewards(const TokenStats& stats, double beta) {
  return sum_roles(stats.logp.sub(stats.ref_logp).mul(beta), stats);
}

Answers sum_answers(const at::Tensor& values, const TokenStats& stats) {
  const RoleSums sums = sum_roles(values, stats);
  return {sums.of(Role::chosen), sums.of(Role::rejected)};
}

Answers count_answers(const TokenStats& stats) {
  return sum_answers(stats.logp.detach().new_ones({stats.logp.numel()}), stats);
}

Answers mean_likelihood(const TokenStats& stats) {
  const Answers sums = sum_answers(stats.logp, stats), length = count_answers(stats);
  return {sums.chosen.div(length.chosen), sums.rejected.div(length.rejected)};
}

at::Tensor logistic(const at::Tensor& margin) { return at::softplus(margin.neg(), 1, 60); }

LossOutput with_rewards(const at::Tensor& loss, const Answers& reward, const TokenStats& stats) {
  return {.loss = loss,
          .chosen_reward = reward.chosen.detach(),
          .rejected_reward = reward.rejected.detach(),
          .kl = sum_answers(stats.kl.detach(), stats).chosen};
}

LossOutput without_reference(const at::Tensor& loss, const Answers& reward) {
  return {.loss = loss, .chosen_reward = reward.chosen.detach(), .rejected_reward = reward.rejected.detach(), .kl = {}};
}

namespace {

/// Throws for a key of a term that neither its row nor every term has.
void check_keys(const Json& config, const std::string& at, const ObjectiveRow& row) {
  std::vector<std::string> known = {"name", "weight"};
  for (const FieldHelp& field : row.fields) known.push_back(field.path);
  for (const auto& [key, unused] : config.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) field::unknown_key(at + "." + key, key, known);
  }
}

/// One term, its fields resolved in `resolved`.
Term make_term(const Json& config, const std::string& at, bool in_sum, Json& resolved) {
  field::require_object(config, at);
  std::string name = "rrpo";
  if (config.contains("name")) field::read_value(name, config.at("name"), at + ".name");
  check_choice(at + ".name", name, row_names(objectives()));
  Term term{.row = find_row(objectives(), name), .label = name, .weight = 1, .loss = {}};
  check_keys(config, at, *term.row);
  resolved = {{"name", name}};
  if (in_sum) {
    if (config.contains("weight")) field::read_value(term.weight, config.at("weight"), at + ".weight");
    check_positive(at, "weight", term.weight);
    resolved["weight"] = term.weight;
  }
  for (const FieldHelp& own : term.row->fields) resolved[own.path] = Json::parse(own.standard);
  if (!in_sum && config.contains("weight"))
    bad_field(at + ".weight", "stands in no sum", "scale optim.lr, or write objective as a list of terms");
  overlay(resolved, config);
  const LossFunction loss = term.row->make(resolved, at);
  // The weight of a pair is the trainer's business, not the formula's: no row can forget it.
  term.loss = [loss](const TokenStats& stats, const Past& past) {
    LossOutput output = loss(stats, past);
    if (stats.weight.defined()) output.loss = output.loss.mul(stats.weight.to(output.loss.scalar_type()));
    return output;
  };
  return term;
}

/// A second term of the same row has a label of its own.
void label_terms(std::vector<Term>& terms) {
  std::map<std::string, int64_t> count;
  for (Term& term : terms) {
    const int64_t number = ++count[term.label];
    if (number > 1) term.label += "-" + std::to_string(number);
  }
}

/// Adds what one term needs to what all need.
void unite(Objective& objective, const ObjectiveRow& row, const Json& resolved) {
  objective.needs_reference = objective.needs_reference || row.needs_reference;
  objective.reference_apart = objective.reference_apart || row.reference_apart;
  objective.needs_marks = objective.needs_marks || row.needs_marks(resolved);
  for (const Role role : row.roles(resolved)) {
    if (!objective.reads(role)) objective.roles.push_back(role);
  }
  std::sort(objective.roles.begin(), objective.roles.end());
}

/// Terms that a pass cannot serve together.
void check_sum(const Objective& objective) {
  for (const Term& term : objective.terms) {
    if (!objective.reference_apart || !term.row->needs_reference || term.row->reference_apart) continue;
    bad_field("objective", "holds " + term.label + " beside a term whose reference is asked about another clip",
              "train with one of them");
  }
}

}  // namespace

bool Objective::reads(Role role) const { return std::find(roles.begin(), roles.end(), role) != roles.end(); }

bool Objective::reads_past() const {
  return std::any_of(terms.begin(), terms.end(), [](const Term& term) { return term.row->reads_past; });
}

std::string Objective::name() const {
  std::string name;
  for (const Term& term : terms) name += (name.empty() ? "" : " + ") + term.label;
  return name;
}

std::vector<LossOutput> Objective::losses(const TokenStats& stats, const std::vector<Past>& past) const {
  std::vector<LossOutput> outputs;
  for (size_t i = 0; i < terms.size(); ++i) outputs.push_back(terms[i].loss(stats, past.empty() ? Past{} : past.at(i)));
  return outputs;
}

Objective make_objective(const Json& config) {
  Objective objective;
  objective.config = config;
  if (!config.is_array()) {
    Json& resolved = objective.config;
    resolved = Json::object();
    objective.terms.push_back(make_term(config, "objective", /*in_sum=*/false, resolved));
    unite(objective, *objective.terms[0].row, resolved);
    return objective;
  }
  if (config.empty()) bad_field("objective", "is an empty list", "name at least one term");
  for (size_t i = 0; i < config.size(); ++i) {
    Json& resolved = objective.config[i];
    objective.terms.push_back(make_term(config[i], "objective." + std::to_string(i), /*in_sum=*/true, resolved));
    unite(objective, *objective.terms[i].row, resolved);
  }
  label_terms(objective.terms);
  check_sum(objective);
  return objective;
}

}  // namespace rrpo::loss
