// From hidden rows to log-probabilities and divergences of answer tokens, without a graph over the vocabulary.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "rrpo/util/role.h"

namespace rrpo::loss {

/// Statistics of M answer tokens of P pairs, in float32 (float64 for float64 hidden rows), nats. The answers of R roles:
/// those of `roles[s]` are the rows s P … (s + 1) P - 1.
struct TokenStats {
  at::Tensor logp;      ///< [M] log p_policy(label)
  at::Tensor ref_logp;  ///< [M] log p_reference(label); undefined for an objective without reference
  at::Tensor kl;        ///< [M] KL(reference || policy) over the full vocabulary; undefined likewise
  at::Tensor row;       ///< [M] int64 in [0, R P)
  at::Tensor phrase;    ///< [M] int64, 0 outside any marked phrase
  at::Tensor weight;    ///< [P]
  int64_t pairs = 0;
  std::vector<Role> roles = {Role::chosen, Role::rejected};  ///< [R]
};

struct TokenValues {
  at::Tensor logp, ref_logp, kl;
};

/// `hidden` [M, D] and `head` [V, D] of the policy, `reference` [M, D] hidden rows of the reference (undefined: none; the
/// head is the same, adapters never touch it), `labels` [M] int64 below V. Logits are reduced in float32 or better; the
/// gradient at a row's logits is g_logp (onehot - p) + g_kl (p - p_ref), carried on to `hidden` and, where it requires one,
/// to `head`. Finite at logits of +-1e4.
///
/// On a CPU float32 rows go through a kernel (AVX-512, AVX2 or a plain loop, by what the processor has; RRPO_ROW_KERNEL
/// names one, or `aten` for operators of tensors), which differs from the operators by rounding alone. Backward skips rows
/// without a gradient, and the reference in rows whose g_kl is 0; on a GPU it does not look.
///
/// Memory: where the logits of one model are at most 2^25 values (128 MB in float32), those of each model are kept until
/// backward, which adds as much once more for the gradient; else they are taken in chunks of 2^24 values (64 MB), twice, and
/// nothing is kept. So the most at once, in logits of one model, is 3 (2 without a reference) with a kernel, 4 (2) with
/// operators.
TokenValues token_values(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& reference,
                         const at::Tensor& labels);

/// The same from logits [M, V] themselves: for tests against published vectors.
TokenValues token_values_from_logits(const at::Tensor& logits, const at::Tensor& reference_logits, const at::Tensor& labels);

}  // namespace rrpo::loss
