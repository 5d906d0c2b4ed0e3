// Differentiable functions with hand-written gradients: fewer passes over memory than their parts under autograd.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>
#include <vector>

#include "attention/plan.h"
#include "rrpo/model/weights.h"

namespace rrpo::model {

/// x [.., D] divided by its root mean square (float32 or better), rounded to x's type, times `weight` (trap: in this order).
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

/// Rotates the halves of each head: x [T, H, d], cos and sin [T, 1, d/2] in x's type (NeoX order).
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

/// x W^T + bias + scale (x A^T) B^T for x [T, in], the last term in the type of A as PEFT computes it. A GPU multiplies in
/// the type of x where that is narrower, with float32 sums and float32 gradients of A and B: as usual in mixed precision,
/// since float32 products are ten times slower there.
at::Tensor lora_linear(const at::Tensor& x, const Linear& linear);

/// x W^T + bias for x [.., in] and a weight that is held: backward asks for the matrix again instead of keeping it.
at::Tensor held_linear(const at::Tensor& x, const Frozen& weight, const std::optional<at::Tensor>& bias);

/// silu(gate) * up.
at::Tensor swiglu(const at::Tensor& gate, const at::Tensor& up);
/// GELU by its formula of tanh; one value whether a gradient is wanted or not.
at::Tensor gelu_tanh(const at::Tensor& x);

/// The linears of rms_norm(x), [T, in] each [T, out], of which backward keeps x alone: the norm is made again, two passes
/// over the rows. Where `rows` is defined, the first linear takes these rows of the norm. Gradients of the linears add up in
/// their order. Norm, weights and biases must be frozen.
std::vector<at::Tensor> normed_linears(const at::Tensor& x, const Norm& norm, const std::vector<Linear>& linears,
                                       const at::Tensor& rows = {});

/// The second half of a layer: x + down(silu(gate(n)) * up(n)) with n = rms_norm(x), all of it frozen but the adapters.
struct Mlp {
  Norm norm;
  Linear gate, up, down;
  bool again = false;  ///< backward makes gate and up again
};
/// Backward keeps x, gate and up, or x alone, and the short rows between A and B: not n, not silu(gate) * up.
at::Tensor mlp(const at::Tensor& x, const Mlp& parts);

/// Output [B, H, L, d] of attention over some of the keys, and its log-sum-exp [B, H, L] in float32 or better.
struct Partial {
  at::Tensor out, lse;
};

/// True where a GPU has a fused kernel for `flash` of such operands.
bool has_flash(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);
/// Attention of q [B, H, L, d] over k, v [B, Hkv, S, d] without a mask, or causal with L = S; not under autograd.
Partial flash(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal);

/// Keys or values [B, Hkv, S, d] for as many heads as there are queries: not every fused kernel repeats them by itself, and
/// the one that is left then holds all scores.
at::Tensor repeat_heads(const at::Tensor& x, int64_t heads);

/// Attention of the rows of a picture over all of its own. q, k, v [F, L, H, d]; returns [F, L, H * d].
at::Tensor attend_pictures(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

/// Attention of the query rows over the tree of segments. q [Tq, H, d]; k, v [T, Hkv, d]; returns [Tq, H * d].
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const std::shared_ptr<const AttentionPlan>& plan);

}  // namespace rrpo::model
