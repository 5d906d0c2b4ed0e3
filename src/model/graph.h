// How our Functions stand in the graph of gradients.
#pragma once

#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>

namespace rrpo::model {

/// The result of a Function. Where nobody wants gradients its forward() runs by itself, with no context: a node of the graph
/// costs a decoded token more than its numbers do.
template <class Function, class... Arguments>
auto call(const Arguments&... arguments) {
  return at::GradMode::is_enabled() ? Function::apply(arguments...) : Function::forward(nullptr, arguments...);
}

/// A value of ours in the context of a Function, from its forward pass to the one backward. Activations do not belong here:
/// what is saved as a variable is let go of as soon as it was used.
template <class T>
struct Kept : torch::CustomClassHolder {
  explicit Kept(T own) : value(std::move(own)) {}
  T value;
};

template <class T>
void keep(torch::autograd::AutogradContext* context, T value) {
  context->saved_data["own"] = at::IValue::make_capsule(c10::make_intrusive<Kept<T>>(std::move(value)));
}

/// The context outlives the reference.
template <class T>
const T& kept(torch::autograd::AutogradContext* context) {
  return static_cast<const Kept<T>&>(*context->saved_data["own"].toCapsule()).value;
}

}  // namespace rrpo::model
