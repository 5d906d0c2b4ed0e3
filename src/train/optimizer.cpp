#include "rrpo/train/optimizer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>

#include <algorithm>
#include <map>

#include "rrpo/util/error.h"

namespace rrpo::train {

namespace {

std::vector<at::Tensor> shapes_of(const Parameters& weights) {
  std::vector<at::Tensor> shapes;
  for (const model::NamedTensor& one : weights.named()) shapes.push_back(one.tensor->detach());
  return shapes;
}

/// What AdamW reads of the number of updates.
at::Tensor count_tensor(int64_t count, const at::Device& device) {
  return at::full({}, static_cast<double>(count), at::TensorOptions(device).dtype(at::kFloat));
}

/// The arguments of one update, a few long vectors each.
struct Update {
  std::vector<at::Tensor> weights, gradients, first, second, counts;
};

}  // namespace

AdamW::AdamW(std::vector<model::NamedTensor> parameters, const OptimConfig& config)
    : weights_(std::move(parameters)),
      first_(shapes_of(weights_)),
      second_(shapes_of(weights_)),
      updates_(weights_.size(), 0),
      config_(config) {}

double AdamW::gradient_norm() const {
  const at::Tensor norm = weights_.gradient_norm();
  return norm.defined() ? norm.item<double>() : 0;
}

double AdamW::step(double lr, double scale, double norm) {
  const at::NoGradGuard frozen;
  Update update;
  std::map<int64_t, at::Tensor> counts;  // most tensors share one
  for (size_t i = 0, end = 0; i < weights_.size(); i = end) {
    end = i + 1;
    if (!weights_.touched(i)) continue;
    for (const size_t longest = weights_.end_of_run(i); end < longest && updates_[end] == updates_[i];) ++end;
    update.weights.push_back(weights_.value_run(i, end));
    update.gradients.push_back(weights_.gradient_run(i, end));
    update.first.push_back(first_.range(i, end));
    update.second.push_back(second_.range(i, end));
    at::Tensor& count = counts[updates_[i]];
    if (!count.defined()) count = count_tensor(updates_[i] + 1, update.weights.back().device());
    update.counts.push_back(count);
    for (size_t k = i; k < end; ++k) ++updates_[k];
  }
  norm *= scale;
  if (update.gradients.empty()) return norm;
  double factor = scale;
  if (config_.max_grad_norm) factor *= std::min(1.0, *config_.max_grad_norm / (norm + 1e-6));
  at::_foreach_mul_(update.gradients, factor);
  at::_fused_adamw_(update.weights, update.gradients, update.first, update.second, {}, update.counts, lr, config_.betas[0],
                    config_.betas[1], config_.weight_decay, config_.eps, /*amsgrad=*/false, /*maximize=*/false);
  drop_gradients();
  return norm;
}

data::TensorMap AdamW::state() const {
  data::TensorMap state;
  for (size_t i = 0; i < weights_.size(); ++i) {
    const std::string& name = parameters()[i].name;
    state["exp_avg." + name] = first_.at(i);
    state["exp_avg_sq." + name] = second_.at(i);
    state["step." + name] = count_tensor(updates_[i], at::kCPU);
  }
  return state;
}

void AdamW::set_state(const data::TensorMap& state, const std::string& place) {
  const at::NoGradGuard frozen;
  const auto find = [&](const std::string& name, at::IntArrayRef sizes, at::ScalarType type) -> const at::Tensor& {
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != sizes || found->second.scalar_type() != type) {
      throw Error(Fault::input, "weights", place + "#" + name + ": missing, or of another shape or type than the model's",
                  "go on from another checkpoint, or start anew with --overwrite");
    }
    return found->second;
  };
  for (size_t i = 0; i < weights_.size(); ++i) {
    const std::string& name = parameters()[i].name;
    const at::Tensor first = first_.at(i), second = second_.at(i);
    first.copy_(find("exp_avg." + name, first.sizes(), first.scalar_type()));
    second.copy_(find("exp_avg_sq." + name, second.sizes(), second.scalar_type()));
    updates_[i] = find("step." + name, {}, at::kFloat).item<int64_t>();
  }
}

}  // namespace rrpo::train
