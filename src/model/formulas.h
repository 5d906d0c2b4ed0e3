// What a layer is made of, forward and backward, as plain functions of tensors: no graph, no choice of what to keep. The
// Functions of model/functions.h are made of these.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "rrpo/model/weights.h"

namespace rrpo::model {

/// 1 / sqrt(mean(x^2) + eps) of each row, [.., 1] in float32 or better.
at::Tensor inverse_rms(const at::Tensor& x, double eps);
/// x * scale, rounded to x's type, times `weight` (trap: in this order).
at::Tensor normed_rows(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& weight);
/// The gradient of x, given the one of normed_rows(x, inverse_rms(x), weight); and of `weight` where `to_weight` is given.
at::Tensor normed_rows_backward(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& scale,
                                const at::Tensor& weight, at::Tensor* to_weight = nullptr);

/// Rotates the halves of each head: x [T, H, d], cos and sin [T, 1, d/2]. `back` turns by the negative angle.
at::Tensor turned(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool back);

/// silu(gate) * up.
at::Tensor gated(const at::Tensor& gate, const at::Tensor& up);
/// The gradients of both, given the one of gated().
struct GateGradients {
  at::Tensor gate, up;
};
GateGradients gated_backward(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& gradient);
/// True where both are one pass each; else whoever has silu(gate) need not make it again.
bool gates_at_once(const at::Tensor& gate, const at::Tensor& up);

/// GELU by its formula of tanh, without a graph.
at::Tensor gelu_tanh_rows(const at::Tensor& x);

/// True where the products of an adapter run in the type of the activations: see lora_linear.
bool narrow_products(const at::Tensor& x, const at::Tensor& a);

/// x W^T + bias of x [.., in] and W [out, in], both of one type. A few rows in inference mode by a kernel of their own.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias = {});

/// What comes of rows x [T, in] in a linear.
struct Product {
  at::Tensor y;      ///< [T, out]
  at::Tensor inner;  ///< x A^T [T, r]; undefined without an adapter
};
/// x W^T + bias + scale (x A^T) B^T of several linears of the same rows, which are cast for their adapters once.
std::vector<Product> multiply(const at::Tensor& x, const std::vector<Linear>& linears);

/// Gradients of several linears: of their rows, and of A and B of each (undefined where they want none).
struct ProductGradients {
  at::Tensor x;
  std::vector<at::Tensor> a, b;
};
/// `inner` as multiply() gave it, `gradients` of each y. The one of x, left out unless `to_x`, adds up in the order of the
/// linears, onto `sum` where it is defined.
ProductGradients multiply_backward(const at::Tensor& x, const std::vector<Linear>& linears,
                                   const std::vector<at::Tensor>& inner, const std::vector<at::Tensor>& gradients, bool to_x,
                                   const at::Tensor& sum = {});

}  // namespace rrpo::model
