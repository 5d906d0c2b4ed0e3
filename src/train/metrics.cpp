#include "rrpo/train/metrics.h"

#include <ATen/ops/stack.h>

#include <array>

namespace rrpo::train {

namespace {

/// The keys of a step in the order of the contract.
constexpr std::array kKeys = {"rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies",
                              "kl/chosen",      "logps/chosen",     "logps/rejected",  "reference/hits"};

}  // namespace

void MetricSums::add(const MetricSums& other) {
  pairs += other.pairs;
  tokens += other.tokens;
  loss += other.loss;
  for (const auto& [key, sum] : other.rows) rows[key] += sum;
}

Json MetricSums::told() const { return {{"pairs", pairs}, {"tokens", tokens}, {"loss", loss}, {"rows", rows}}; }

MetricSums MetricSums::heard(const Json& told) {
  return {told.at("pairs").get<int64_t>(), told.at("tokens").get<int64_t>(), told.at("loss").get<double>(),
          told.at("rows").get<std::map<std::string, double>>()};
}

Json MetricSums::means(loss::Average average, const std::string& prefix) const {
  Json json = Json::object();
  json[prefix + "loss"] = loss / denominator(average);
  for (const char* key : kKeys) {
    const auto found = rows.find(key);
    if (found != rows.end()) json[prefix + key] = found->second / static_cast<double>(pairs);
  }
  return json;
}

MetricSums measure(const Pass& pass, bool has_rejected) {
  std::vector<std::string> keys = {"loss"};
  std::vector<at::Tensor> values = {pass.output.loss.detach().to(at::kDouble).sum()};
  const auto put = [&](const char* key, const at::Tensor& rows) {
    keys.emplace_back(key);
    values.push_back(rows.detach().to(at::kDouble).sum());
  };
  const loss::LossOutput& output = pass.output;
  if (output.chosen_reward.defined()) {
    put("rewards/chosen", output.chosen_reward);
    put("rewards/rejected", output.rejected_reward);
    put("rewards/margins", output.chosen_reward.sub(output.rejected_reward));
    put("rewards/accuracies", output.chosen_reward.gt(output.rejected_reward));
  }
  if (output.kl.defined()) put("kl/chosen", output.kl);
  const at::Tensor chosen = pass.stats.row.lt(pass.stats.pairs);
  put("logps/chosen", pass.stats.logp.mul(chosen));
  if (has_rejected) put("logps/rejected", pass.stats.logp.mul(chosen.logical_not()));
  const at::Tensor sums = at::stack(values).cpu();  // one wait for the device
  MetricSums result;
  result.pairs = pass.stats.pairs;
  result.tokens = pass.stats.logp.numel();
  if (pass.reference_hits) result.rows["reference/hits"] = static_cast<double>(*pass.reference_hits);
  result.loss = sums.select(0, 0).item<double>();
  for (size_t i = 1; i < keys.size(); ++i) result.rows[keys[i]] = sums.select(0, static_cast<int64_t>(i)).item<double>();
  return result;
}

}  // namespace rrpo::train
