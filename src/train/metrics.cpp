#include "rrpo/train/metrics.h"

#include <ATen/ops/stack.h>

#include <algorithm>
#include <array>

namespace rrpo::train {

namespace {

/// The keys of a step in the order of the contract.
constexpr std::array kKeys = {"rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies",
                              "kl/chosen",      "logps/chosen",     "logps/rejected",  "reference/hits"};

/// True for the tokens of a role, [M].
at::Tensor of_role(const loss::TokenStats& stats, Role role) {
  const auto slot = std::find(stats.roles.begin(), stats.roles.end(), role) - stats.roles.begin();
  return stats.row.floor_divide(stats.pairs).eq(static_cast<int64_t>(slot));
}

}  // namespace

void MetricSums::add(const MetricSums& other) {
  pairs += other.pairs;
  tokens += other.tokens;
  terms.resize(std::max(terms.size(), other.terms.size()));
  for (size_t i = 0; i < other.terms.size(); ++i) {
    terms[i].loss += other.terms[i].loss;
    terms[i].over += other.terms[i].over;
    terms[i].rewards += other.terms[i].rewards;
  }
  for (const auto& [key, sum] : other.rows) rows[key] += sum;
  train::add(sight, other.sight);
}

Json MetricSums::told() const {
  Json told_terms = Json::array();
  for (const TermSums& term : terms) told_terms.push_back({term.loss, term.over, term.rewards});
  return {{"pairs", pairs}, {"tokens", tokens}, {"terms", told_terms}, {"rows", rows}, {"sight", train::told(sight)}};
}

MetricSums MetricSums::heard(const Json& told) {
  MetricSums sums;
  sums.pairs = told.at("pairs").get<int64_t>();
  sums.tokens = told.at("tokens").get<int64_t>();
  for (const Json& term : told.at("terms"))
    sums.terms.push_back({term.at(0).get<double>(), term.at(1).get<double>(), term.at(2).get<double>()});
  sums.rows = told.at("rows").get<std::map<std::string, double>>();
  sums.sight = heard_sight(told.at("sight"));
  return sums;
}

double MetricSums::loss(const loss::Objective& objective) const {
  double loss = 0;
  for (size_t i = 0; i < terms.size(); ++i) loss += objective.terms.at(i).weight * terms[i].loss / terms[i].over;
  return loss;
}

Json MetricSums::means(const loss::Objective& objective, const std::string& prefix) const {
  Json json = Json::object();
  json[prefix + "loss"] = loss(objective);
  for (size_t i = 0; objective.is_sum() && i < terms.size(); ++i)
    json[prefix + "loss/" + objective.terms[i].label] = terms[i].loss / terms[i].over;
  for (const char* key : kKeys) {
    const auto found = rows.find(key);
    if (found != rows.end()) json[prefix + key] = found->second / static_cast<double>(pairs);
  }
  for (const auto& [name, seen] : sight) json["sight/" + name] = mean_of(seen).nats;
  return json;
}

namespace {

/// Sums that are asked of the device together: one wait for all of them.
class Asked {
 public:
  void put(double& to, const at::Tensor& values) {
    to_.push_back(&to);
    sums_.push_back(values.detach().to(at::kDouble).sum());
  }
  void wait() {
    const at::Tensor sums = at::stack(sums_).cpu();
    for (size_t i = 0; i < to_.size(); ++i) *to_[i] = sums.select(0, static_cast<int64_t>(i)).item<double>();
  }

 private:
  std::vector<double*> to_;
  std::vector<at::Tensor> sums_;
};

/// The first term that has rewards reports them, the first that has a KL that.
void ask_rows(const Pass& pass, MetricSums& sums, Asked& asked) {
  const auto put = [&](const char* key, const at::Tensor& values) { asked.put(sums.rows[key], values); };
  const auto has_rewards = [](const loss::LossOutput& output) { return output.chosen_reward.defined(); };
  const auto rewarded = std::find_if(pass.outputs.begin(), pass.outputs.end(), has_rewards);
  if (rewarded != pass.outputs.end()) {
    put("rewards/chosen", rewarded->chosen_reward);
    put("rewards/rejected", rewarded->rejected_reward);
    put("rewards/margins", rewarded->chosen_reward.sub(rewarded->rejected_reward));
    put("rewards/accuracies", rewarded->chosen_reward.gt(rewarded->rejected_reward));
  }
  const auto has_kl = [](const loss::LossOutput& output) { return output.kl.defined(); };
  const auto diverging = std::find_if(pass.outputs.begin(), pass.outputs.end(), has_kl);
  if (diverging != pass.outputs.end()) put("kl/chosen", diverging->kl);
}

}  // namespace

MetricSums measure(const Pass& pass, const loss::Objective& objective) {
  MetricSums sums;
  sums.pairs = pass.stats.pairs;
  sums.tokens = pass.stats.logp.numel();
  sums.terms.resize(pass.outputs.size());
  Asked asked;
  const at::Tensor chosen = of_role(pass.stats, Role::chosen);
  double chosen_tokens = 0;
  asked.put(chosen_tokens, chosen);
  for (size_t i = 0; i < pass.outputs.size(); ++i) {
    const loss::LossOutput& output = pass.outputs[i];
    asked.put(sums.terms[i].loss, output.loss);
    if (output.chosen_reward.defined()) asked.put(sums.terms[i].rewards, output.chosen_reward.add(output.rejected_reward));
  }
  ask_rows(pass, sums, asked);
  asked.put(sums.rows["logps/chosen"], pass.stats.logp.mul(chosen));
  if (objective.reads(Role::rejected))
    asked.put(sums.rows["logps/rejected"], pass.stats.logp.mul(of_role(pass.stats, Role::rejected)));
  asked.wait();
  for (size_t i = 0; i < sums.terms.size(); ++i) {
    const bool by_tokens = objective.terms[i].row->average == loss::Average::tokens;
    sums.terms[i].over = by_tokens ? chosen_tokens : static_cast<double>(sums.pairs);
  }
  if (pass.reference_hits) sums.rows["reference/hits"] = static_cast<double>(*pass.reference_hits);
  return sums;
}

}  // namespace rrpo::train
