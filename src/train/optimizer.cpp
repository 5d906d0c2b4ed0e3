#include "rrpo/train/optimizer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/stack.h>

#include <algorithm>

#include "rrpo/util/error.h"

namespace rrpo::train {

AdamW::AdamW(std::vector<model::NamedTensor> parameters, const OptimConfig& config)
    : parameters_(std::move(parameters)), config_(config) {
  for (const model::NamedTensor& parameter : parameters_) {
    const at::Tensor weight = parameter.tensor->detach();
    first_.push_back(weight.new_zeros(weight.sizes()));
    second_.push_back(weight.new_zeros(weight.sizes()));
    steps_.push_back(weight.new_zeros({}, weight.options().dtype(at::kFloat)));
  }
}

double AdamW::gradient_norm() const {
  std::vector<at::Tensor> gradients;
  for (const model::NamedTensor& parameter : parameters_) {
    if (parameter.tensor->grad().defined()) gradients.push_back(parameter.tensor->grad());
  }
  if (gradients.empty()) return 0;
  return at::stack(at::_foreach_norm(gradients)).norm().item<double>();
}

double AdamW::step(double lr, double scale, double norm) {
  const at::NoGradGuard frozen;
  std::vector<at::Tensor> weights, gradients, first, second, steps;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    at::Tensor& weight = *parameters_[i].tensor;
    if (!weight.grad().defined()) continue;
    weights.push_back(weight);
    gradients.push_back(weight.grad());
    first.push_back(first_[i]);
    second.push_back(second_[i]);
    steps.push_back(steps_[i]);
  }
  norm *= scale;
  if (gradients.empty()) return norm;
  double factor = scale;
  if (config_.max_grad_norm) factor *= std::min(1.0, *config_.max_grad_norm / (norm + 1e-6));
  at::_foreach_mul_(gradients, factor);
  at::_foreach_add_(steps, 1);
  at::_fused_adamw_(weights, gradients, first, second, {}, steps, lr, config_.betas[0], config_.betas[1],
                    config_.weight_decay, config_.eps, /*amsgrad=*/false, /*maximize=*/false);
  drop_gradients();
  return norm;
}

void AdamW::drop_gradients() {
  for (const model::NamedTensor& parameter : parameters_) parameter.tensor->mutable_grad().reset();
}

data::TensorMap AdamW::state() const {
  data::TensorMap state;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    state["exp_avg." + parameters_[i].name] = first_[i];
    state["exp_avg_sq." + parameters_[i].name] = second_[i];
    state["step." + parameters_[i].name] = steps_[i];
  }
  return state;
}

void AdamW::set_state(const data::TensorMap& state, const std::string& place) {
  const at::NoGradGuard frozen;
  const auto take = [&](const std::string& name, at::Tensor& to) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != to.sizes() || found->second.scalar_type() != to.scalar_type()) {
      throw Error(Fault::input, "weights", place + "#" + name + ": missing, or of another shape or type than the model's",
                  "go on from another checkpoint, or start anew with --overwrite");
    }
    to.copy_(found->second);
  };
  for (size_t i = 0; i < parameters_.size(); ++i) {
    take("exp_avg." + parameters_[i].name, first_[i]);
    take("exp_avg_sq." + parameters_[i].name, second_[i]);
    take("step." + parameters_[i].name, steps_[i]);
  }
}

}  // namespace rrpo::train
