// By operators of tensors, for float64 and for GPUs; what a kernel can do is left to softmax_rows.cpp.
#include "softmax.h"

#include "softmax_rows.h"

namespace rrpo::loss {

namespace {

TokenValues reduce_tensors(Softmax& policy, Softmax& reference, const at::Tensor& labels) {
  const at::Tensor label = labels.unsqueeze(1);
  const auto normalise = [&label](Softmax& rows) {
    rows.norm = rows.values.logsumexp({1}, /*keepdim=*/true);
    rows.values.sub_(rows.norm);
    return rows.values.gather(1, label).squeeze(1);
  };
  TokenValues result{normalise(policy), {}, {}};
  if (!reference.values.defined()) return result;
  result.ref_logp = normalise(reference);
  // Rounding alone can push a sum of zero below it.
  result.kl = reference.values.exp().mul_(reference.values.sub(policy.values)).sum({1}).clamp_min_(0);
  return result;
}

/// p of rows `at`, the first `count` of them.
at::Tensor probabilities(const Softmax& rows, const at::Tensor& at, int64_t count) {
  return (at.defined() ? rows.values.index_select(0, at.narrow(0, 0, count)) : rows.values.narrow(0, 0, count)).exp();
}

at::Tensor slope_tensors(const Softmax& policy, const Softmax& reference, const RowGradients& gradients, int64_t pulled,
                         const at::Tensor& at) {
  const at::Tensor& labels = gradients.labels;
  at::Tensor result = probabilities(policy, at, labels.size(0)), pull;
  if (pulled > 0) {
    const at::Tensor p_ref = probabilities(reference, at, pulled);
    pull = p_ref.neg_().add_(result.narrow(0, 0, pulled)).mul_(gradients.kl.narrow(0, 0, pulled).unsqueeze(1));
  }
  if (gradients.logp.defined()) {
    const at::Tensor g = gradients.logp.unsqueeze(1);
    result.mul_(g.neg()).scatter_add_(1, labels.unsqueeze(1), g);
  } else {
    result.zero_();
  }
  if (pulled > 0) result.narrow(0, 0, pulled).add_(pull);
  return result;
}

}  // namespace

const RowKernel* kernel_for(const at::Tensor& logits, const RowKernel* wanted) {
  return logits.is_cpu() && logits.scalar_type() == at::kFloat ? wanted : nullptr;
}

TokenValues reduce(Softmax& policy, Softmax& reference, const at::Tensor& labels, const RowKernel* kernel) {
  return kernel == nullptr ? reduce_tensors(policy, reference, labels) : reduce_rows(policy, reference, labels, *kernel);
}

void restore(Softmax& rows, const RowKernel* kernel) {
  if (kernel == nullptr) {
    rows.values.sub_(rows.norm);
  } else {
    restore_rows(rows, *kernel);
  }
}

at::Tensor slope(const Softmax& policy, const Softmax& reference, const RowGradients& gradients, int64_t pulled,
                 const at::Tensor& at, const RowKernel* kernel) {
  return kernel == nullptr ? slope_tensors(policy, reference, gradients, pulled, at)
                           : slope_rows(policy, reference, gradients, pulled, at, *kernel);
}

}  // namespace rrpo::loss
