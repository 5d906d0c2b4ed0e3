// The softmax of both models' rows, forward and back: by a kernel that goes over one row at a time, or by operators of
// tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include "row_kernel.h"
#include "rrpo/loss/token_stats.h"

namespace rrpo::loss {

/// One model's rows. `values` [m, V] are logits until `reduce` or `restore` turns them, in place, into what `slope` reads:
/// exp(logit - shift) for a kernel, log p for operators. `norm` is what makes one of the other: [m, 2] of shift and sum, or
/// [m, 1] of the log of the normaliser; at most two numbers a row, so it is always kept.
struct Softmax {
  at::Tensor values, norm;
};

/// The labels [m] of rows with the gradients [m] at their log-probabilities and divergences; either may be undefined.
struct RowGradients {
  at::Tensor labels, logp, kl;
};

/// A kernel for float32 on a CPU, null for everything else: float64 and GPUs take the operators.
const RowKernel* kernel_for(const at::Tensor& logits, const RowKernel* wanted);

/// Log-probabilities of labels [m] and KL(reference || policy) from the logits of both models, which become what `slope`
/// reads; a `reference` without values: log-probabilities alone. A label that is no column: Error(internal).
TokenValues reduce(Softmax& policy, Softmax& reference, const at::Tensor& labels, const RowKernel* kernel);

/// Logits of rows that `reduce` saw before, to the same bits it made of them.
void restore(Softmax& rows, const RowKernel* kernel);

/// The gradient at the policy's logits [m, V]: g_logp (onehot - p) + g_kl (p - p_ref). The reference is read in the first
/// `pulled` rows alone. `at` [m]: row i of the gradients is row at[i] of `values`; undefined: row i.
at::Tensor slope(const Softmax& policy, const Softmax& reference, const RowGradients& gradients, int64_t pulled,
                 const at::Tensor& at, const RowKernel* kernel);

}  // namespace rrpo::loss
