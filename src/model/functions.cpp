#include "functions.h"

#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>
#include <torch/csrc/autograd/custom_function.h>

namespace rrpo::model {

namespace {

using torch::autograd::AutogradContext;
using Tensors = torch::autograd::variable_list;

at::ScalarType wide_type(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

class RmsNormFunction : public torch::autograd::Function<RmsNormFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, double eps) {
    const at::Tensor wide = x.to(wide_type(x));
    const at::Tensor scale = wide.square().mean({-1}, /*keepdim=*/true).add_(eps).rsqrt_();
    context->save_for_backward({x, weight, scale});
    return wide.mul(scale).to(x.scalar_type()).mul(weight.to(x.scalar_type()));
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const Tensors saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &scale = saved[2];
    const at::ScalarType wide = wide_type(x);
    const at::Tensor normal = x.to(wide).mul(scale);
    const at::Tensor gradient = gradients[0].to(wide);
    at::Tensor to_weight;
    if (context->needs_input_grad(1))
      to_weight = gradient.mul(normal).reshape({-1, weight.size(0)}).sum(0).to(weight.scalar_type());
    at::Tensor to_x = gradient.mul(weight.to(wide));
    const at::Tensor along = to_x.mul(normal).mean({-1}, /*keepdim=*/true);
    to_x = to_x.sub_(normal.mul(along)).mul_(scale).to(x.scalar_type());
    return {to_x, to_weight, at::Tensor()};
  }
};

at::Tensor turn(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const int64_t half = x.size(-1) / 2;
  const at::Tensor a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
  at::Tensor out = x.new_empty(x.sizes());
  out.narrow(-1, 0, half).copy_(a.mul(cos).sub_(b.mul(sin)));
  out.narrow(-1, half, half).copy_(b.mul(cos).add_(a.mul(sin)));
  return out;
}

class RotateFunction : public torch::autograd::Function<RotateFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
    context->save_for_backward({cos, sin});
    return turn(x, cos, sin);
  }
  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const Tensors saved = context->get_saved_variables();
    return {turn(gradients[0], saved[0], saved[1].neg()), at::Tensor(), at::Tensor()};
  }
};

class SwigluFunction : public torch::autograd::Function<SwigluFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate, const at::Tensor& up) {
    context->save_for_backward({gate, up});
    return at::silu(gate).mul_(up);
  }
  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const Tensors saved = context->get_saved_variables();
    return {at::silu_backward(gradients[0].mul(saved[1]), saved[0]), at::silu(saved[0]).mul_(gradients[0])};
  }
};

/// True where the products of an adapter run in the type of the activations.
bool narrow_products(const at::Tensor& x, const at::Tensor& a) { return x.is_cuda() && x.scalar_type() != a.scalar_type(); }

/// The weight of a linear between forward and backward: a tensor as saved, a held one by where it stands. The model outlives
/// the graphs over it.
void keep_weight(AutogradContext* context, const Frozen& weight) {
  context->saved_data["held"] = weight.held ? reinterpret_cast<int64_t>(weight.held.get()) : int64_t{0};
}
at::Tensor kept_weight(AutogradContext* context, const at::Tensor& plain, at::ScalarType type) {
  const int64_t held = context->saved_data["held"].toInt();
  return held == 0 ? plain : reinterpret_cast<const Held*>(held)->get(type);
}

/// x W^T + bias of a held weight.
class HeldFunction : public torch::autograd::Function<HeldFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const Frozen& weight,
                            const std::optional<at::Tensor>& bias) {
    keep_weight(context, weight);
    return at::linear(x, weight.get(x.scalar_type()), bias);
  }
  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const at::Tensor weight = kept_weight(context, {}, gradients[0].scalar_type());
    return {gradients[0].matmul(weight), at::Tensor(), at::Tensor()};
  }
};

/// The products run in the type of A (float32 or better) where they are not narrow, sums in place of copies.
class LoraFunction : public torch::autograd::Function<LoraFunction> {
 public:
  /// `plain` is the weight in x's type, undefined where it is held.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const std::optional<at::Tensor>& plain,
                            const Frozen& weight, const at::Tensor& a, const at::Tensor& b,
                            const std::optional<at::Tensor>& bias, double scale) {
    const at::ScalarType type = narrow_products(x, a) ? x.scalar_type() : a.scalar_type();
    const at::Tensor inner = x.to(type).mm(a.to(type).t());
    at::Tensor y = at::linear(x, plain ? *plain : weight.get(x.scalar_type()), bias).to(type);
    y.addmm_(inner, b.to(type).t(), 1, scale);
    context->save_for_backward({x, plain.value_or(at::Tensor()), a, b, inner});
    keep_weight(context, weight);
    context->saved_data["scale"] = scale;
    context->saved_data["bias"] = bias.has_value();
    return y.to(x.scalar_type());
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const Tensors saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &a = saved[2], &b = saved[3], &inner = saved[4];
    const bool narrow = narrow_products(x, a);
    const at::ScalarType type = narrow ? x.scalar_type() : a.scalar_type();
    const double scale = context->saved_data["scale"].toDouble();
    const at::Tensor &gradient = gradients[0], wide = gradient.to(type);
    const at::Tensor to_inner = wide.mm(b.to(type)).mul_(scale);
    // What is absent has no number among the inputs: x, the weight unless it is held, A, B, the bias if there is one.
    const bool plain = saved[1].defined();
    const size_t first = plain ? 2 : 1;
    at::Tensor to_x, to_weight, to_bias, to_a, to_b;
    if (context->needs_input_grad(0)) {
      to_x = gradient.mm(kept_weight(context, saved[1], x.scalar_type())).to(type);
      to_x = to_x.addmm_(to_inner, a.to(type)).to(x.scalar_type());
    }
    if (plain && context->needs_input_grad(1)) to_weight = gradient.t().mm(x);
    if (context->saved_data["bias"].toBool() && context->needs_input_grad(first + 2)) to_bias = gradient.sum({0});
    const auto product = [&](const at::Tensor& left, const at::Tensor& right) {
      return narrow ? at::mm(left, right, a.scalar_type()) : left.mm(right);
    };
    if (context->needs_input_grad(first)) to_a = product(to_inner.t(), x.to(type));
    if (context->needs_input_grad(first + 1)) to_b = product(wide.t(), inner).mul_(scale);
    return {to_x, to_weight, at::Tensor(), to_a, to_b, to_bias, at::Tensor()};
  }
};

}  // namespace

at::Tensor held_linear(const at::Tensor& x, const Frozen& weight, const std::optional<at::Tensor>& bias) {
  return HeldFunction::apply(x, weight, bias);
}

at::Tensor lora_linear(const at::Tensor& x, const Frozen& weight, const std::optional<at::Tensor>& bias, const Lora& lora) {
  std::optional<at::Tensor> plain;
  if (!weight.held) plain = weight.get(x.scalar_type());
  return LoraFunction::apply(x, plain, weight, lora.a, lora.b, bias, lora.scale);
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return RmsNormFunction::apply(x, weight, eps);
}

at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  return RotateFunction::apply(x, cos, sin);
}

at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up) { return SwigluFunction::apply(gate, up); }

}  // namespace rrpo::model
