#include "functions.h"

#include <ATen/ops/gelu_backward.h>
#include <ATen/ops/linear.h>

#include "formulas.h"
#include "graph.h"

namespace rrpo::model {

namespace {

using torch::autograd::AutogradContext;
using Tensors = torch::autograd::variable_list;

class RmsNormFunction : public torch::autograd::Function<RmsNormFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, double eps) {
    const at::Tensor scale = inverse_rms(x, eps);
    if (context != nullptr) context->save_for_backward({x, weight, scale});
    return normed_rows(x, scale, weight);
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const Tensors saved = context->get_saved_variables();
    at::Tensor to_weight;
    const at::Tensor to_x = normed_rows_backward(gradients[0], saved[0], saved[2], saved[1],
                                                 context->needs_input_grad(1) ? &to_weight : nullptr);
    return {to_x, to_weight, at::Tensor()};
  }
};

class RotateFunction : public torch::autograd::Function<RotateFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
    if (context != nullptr) context->save_for_backward({cos, sin});
    return turned(x, cos, sin, /*back=*/false);
  }
  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const Tensors saved = context->get_saved_variables();
    return {turned(gradients[0], saved[0], saved[1], /*back=*/true), at::Tensor(), at::Tensor()};
  }
};

class SwigluFunction : public torch::autograd::Function<SwigluFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate, const at::Tensor& up) {
    if (context != nullptr) context->save_for_backward({gate, up});
    return gated(gate, up);
  }
  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const Tensors saved = context->get_saved_variables();
    const GateGradients back = gated_backward(saved[0], saved[1], gradients[0]);
    return {back.gate, back.up};
  }
};

class GeluFunction : public torch::autograd::Function<GeluFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    if (context != nullptr) context->save_for_backward({x});
    return gelu_tanh_rows(x);
  }
  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    return {at::gelu_backward(gradients[0], context->get_saved_variables()[0], "tanh")};
  }
};

/// x W^T + bias of a held weight.
class HeldFunction : public torch::autograd::Function<HeldFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const Frozen& weight,
                            const std::optional<at::Tensor>& bias) {
    if (context != nullptr) keep(context, weight);
    return at::linear(x, weight.get(x.scalar_type()), bias);
  }
  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const at::Tensor weight = kept<Frozen>(context).get(gradients[0].scalar_type());
    return {gradients[0].matmul(weight), at::Tensor(), at::Tensor()};
  }
};

/// A linear with an adapter, of which anything may be trained.
class LoraFunction : public torch::autograd::Function<LoraFunction> {
 public:
  /// `plain` is the weight in x's type, absent where it is held.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const std::optional<at::Tensor>& plain,
                            const at::Tensor& a, const at::Tensor& b, const std::optional<at::Tensor>& bias,
                            const Linear& linear) {
    const Product product = multiply(x, {linear_of(linear, plain, a, b, bias)}).front();
    if (context == nullptr) return product.y;
    context->save_for_backward({x, plain.value_or(at::Tensor()), a, b, product.inner});
    keep(context, Linear{linear.weight.held ? linear.weight : Frozen(), {}, {{}, {}, linear.lora.scale}});
    context->saved_data["bias"] = bias.has_value();
    return product.y;
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const Tensors saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &gradient = gradients[0];
    // What is absent has no number among the inputs: x, the weight unless it is held, A, B, the bias if there is one.
    const bool plain = saved[1].defined();
    const size_t first = plain ? 2 : 1;
    const Linear linear = linear_of(kept<Linear>(context), saved[1], saved[2], saved[3], {});
    const ProductGradients back = multiply_backward(x, {linear}, {saved[4]}, {gradient}, context->needs_input_grad(0));
    at::Tensor to_weight, to_bias;
    if (plain && context->needs_input_grad(1)) to_weight = gradient.t().mm(x);
    if (context->saved_data["bias"].toBool() && context->needs_input_grad(first + 2)) to_bias = gradient.sum({0});
    return {back.x, to_weight, back.a[0], back.b[0], to_bias, at::Tensor()};
  }

 private:
  /// `linear` with these tensors in the place of its own.
  static Linear linear_of(const Linear& linear, const std::optional<at::Tensor>& plain, const at::Tensor& a,
                          const at::Tensor& b, const std::optional<at::Tensor>& bias) {
    return {
        plain && plain->defined() ? Frozen(*plain) : linear.weight, bias.value_or(at::Tensor()), {a, b, linear.lora.scale}};
  }
};

}  // namespace

at::Tensor held_linear(const at::Tensor& x, const Frozen& weight, const std::optional<at::Tensor>& bias) {
  return call<HeldFunction>(x, weight, bias);
}

at::Tensor lora_linear(const at::Tensor& x, const Linear& linear) {
  std::optional<at::Tensor> plain, bias;
  if (!linear.weight.held) plain = linear.weight.get(x.scalar_type());
  if (linear.bias.defined()) bias = linear.bias.to(x.scalar_type());
  return call<LoraFunction>(x, plain, linear.lora.a, linear.lora.b, bias, linear);
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return call<RmsNormFunction>(x, weight, eps);
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  return call<RotateFunction>(x, cos, sin);
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) { return call<SwigluFunction>(gate, up); }

at::Tensor gelu_tanh(const at::Tensor& x) { return call<GeluFunction>(x); }

}  // namespace rrpo::model
