#include "rrpo/loss/token_stats.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

namespace rrpo::loss {

namespace {

/// Logits of one chunk hold about this many values: 64 MB in float32, whatever the vocabulary.
constexpr int64_t kChunkValues = int64_t{1} << 24;

at::ScalarType accumulator(const at::Tensor& hidden) {
  return hidden.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

/// Logits [m, V] in float32 or better. A GPU multiplies bfloat16 with a float32 result; the CPU has no such product.
at::Tensor logits_of(const at::Tensor& hidden, const at::Tensor& head) {
  const at::ScalarType wide = accumulator(hidden);
  if (hidden.scalar_type() == wide) return hidden.mm(head.to(wide).t());
  if (hidden.is_cuda() && head.scalar_type() == hidden.scalar_type()) return at::mm(hidden, head.t(), wide);
  return hidden.to(wide).mm(head.to(wide).t());
}

/// Begin and length of each chunk of rows.
std::vector<std::pair<int64_t, int64_t>> chunks(int64_t rows, int64_t vocabulary) {
  const int64_t step = std::max<int64_t>(1, kChunkValues / std::max<int64_t>(1, vocabulary));
  std::vector<std::pair<int64_t, int64_t>> result;
  for (int64_t begin = 0; begin < rows; begin += step) result.emplace_back(begin, std::min(step, rows - begin));
  return result;
}

/// log softmax of a chunk at its labels, with what backward needs of it: the log of the normaliser.
struct Chunk {
  at::Tensor log_p;  ///< [m, V]
  at::Tensor lse;    ///< [m]
};
Chunk normalise(const at::Tensor& logits) {
  at::Tensor lse = logits.logsumexp({1});
  return {logits.sub(lse.unsqueeze(1)), lse};
}

class TokenFunction : public torch::autograd::Function<TokenFunction> {
 public:
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* context, const at::Tensor& hidden,
                                                const at::Tensor& head, const std::optional<at::Tensor>& reference,
                                                const at::Tensor& labels) {
    const int64_t rows = hidden.size(0);
    const auto options = hidden.options().dtype(accumulator(hidden)).requires_grad(false);
    at::Tensor logp = hidden.new_empty({rows}, options), lse = hidden.new_empty({rows}, options);
    at::Tensor ref_logp, ref_lse, kl;
    if (reference) {
      ref_logp = hidden.new_empty({rows}, options);
      ref_lse = hidden.new_empty({rows}, options);
      kl = hidden.new_empty({rows}, options);
    }
    for (const auto& [begin, length] : chunks(rows, head.size(0))) {
      const at::Tensor label = labels.narrow(0, begin, length).unsqueeze(1);
      const Chunk policy = normalise(logits_of(hidden.narrow(0, begin, length), head));
      lse.narrow(0, begin, length).copy_(policy.lse);
      logp.narrow(0, begin, length).copy_(policy.log_p.gather(1, label).squeeze(1));
      if (!reference) continue;
      const Chunk other = normalise(logits_of(reference->narrow(0, begin, length), head));
      ref_lse.narrow(0, begin, length).copy_(other.lse);
      ref_logp.narrow(0, begin, length).copy_(other.log_p.gather(1, label).squeeze(1));
      // Rounding alone can push a sum of zero below it.
      kl.narrow(0, begin, length).copy_(other.log_p.exp().mul(other.log_p.sub(policy.log_p)).sum({1}).clamp_min(0));
    }
    context->set_materialize_grads(false);
    context->saved_data["reference"] = reference.has_value();
    if (!reference) {
      context->save_for_backward({hidden, head, labels, lse});
      return {logp};
    }
    context->save_for_backward({hidden, head, labels, lse, *reference, ref_lse});
    context->mark_non_differentiable({ref_logp});
    return {logp, ref_logp, kl};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const bool has_reference = context->saved_data["reference"].toBool();
    const at::Tensor &hidden = saved[0], &head = saved[1];
    const at::Tensor g_logp = gradients[0];
    const at::Tensor g_kl = has_reference ? gradients[2] : at::Tensor();
    at::Tensor to_hidden = hidden.new_zeros(hidden.sizes());
    at::Tensor to_head;
    if (context->needs_input_grad(1)) {
      to_head = head.new_zeros(head.sizes(), head.options().dtype(accumulator(hidden)).requires_grad(false));
    }
    for (const auto& [begin, length] : chunks(hidden.size(0), head.size(0))) {
      const auto part = [begin, length](const at::Tensor& whole) { return whole.narrow(0, begin, length); };
      const at::Tensor p = logits_of(part(hidden), head).sub_(part(saved[3]).unsqueeze(1)).exp_();
      at::Tensor slope;  // of the loss at the logits, [m, V]
      if (g_logp.defined()) {
        const at::Tensor g = part(g_logp).unsqueeze(1);
        slope = p.mul(g.neg()).scatter_add_(1, part(saved[2]).unsqueeze(1), g);
      }
      if (g_kl.defined()) {
        const at::Tensor p_ref = logits_of(part(saved[4]), head).sub_(part(saved[5]).unsqueeze(1)).exp_();
        const at::Tensor pull = p.sub(p_ref).mul_(part(g_kl).unsqueeze(1));
        slope = slope.defined() ? slope.add_(pull) : pull;
      }
      if (!slope.defined()) continue;
      const at::ScalarType wide = slope.scalar_type();
      part(to_hidden).copy_(hidden.is_cuda() ? slope.to(head.scalar_type()).mm(head) : slope.mm(head.to(wide)));
      if (to_head.defined()) to_head.add_(slope.t().mm(part(hidden).to(wide)));
    }
    if (to_head.defined()) to_head = to_head.to(head.scalar_type());
    return {to_hidden, to_head, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

TokenValues token_values(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& reference,
                         const at::Tensor& labels) {
  std::optional<at::Tensor> other;
  if (reference.defined()) other = reference.detach();
  const auto values = TokenFunction::apply(hidden, head, other, labels);
  if (!reference.defined()) return {values[0], {}, {}};
  return {values[0], values[1], values[2]};
}

TokenValues token_values_from_logits(const at::Tensor& logits, const at::Tensor& reference_logits,
                                     const at::Tensor& labels) {
  return token_values(logits, at::eye(logits.size(1), logits.options().requires_grad(false)), reference_logits, labels);
}

}  // namespace rrpo::loss
