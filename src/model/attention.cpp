// Attention over a tree of segments, in two forms of equal value: gathered under autograd, or merged by log-sum-exp.
// The merge needs its own gradient: each block's backward takes the merged output and the merged log-sum-exp.
#include <ATen/SDPBackend.h>
#include <ATen/ops/_fused_sdp_choice.h>
#include <ATen/ops/_scaled_dot_product_flash_attention.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <torch/csrc/autograd/custom_function.h>

#include <limits>

#include "functions.h"

namespace rrpo::model {

namespace {

using torch::autograd::AutogradContext;
using Tensors = torch::autograd::variable_list;

at::Tensor pick(const at::Tensor& rows, const at::Tensor& index) {
  return index.defined() ? rows.index_select(0, index) : rows;
}

std::optional<at::Tensor> given(const at::Tensor& mask) {
  return mask.defined() ? std::optional<at::Tensor>(mask) : std::nullopt;
}

/// Rows [n, H, d] as heads of a batch [B, H, length, d].
at::Tensor to_heads(const at::Tensor& rows, const at::Tensor& index, int64_t count, int64_t length) {
  return pick(rows, index).view({count, length, rows.size(1), rows.size(2)}).transpose(1, 2);
}

/// [B, H, length, ...] as rows [B * length, H, ...], padding dropped.
at::Tensor to_rows(const at::Tensor& heads, const at::Tensor& slot) {
  return pick(heads.transpose(1, 2).flatten(0, 1), slot);
}

/// The operands of one block.
struct Operands {
  at::Tensor q, k, v;
};
Operands operands(const Block& block, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  return {to_heads(q, block.query_index, block.count, block.queries), to_heads(k, block.key_index, block.count, block.keys),
          to_heads(v, block.key_index, block.count, block.keys)};
}

Partial attend_block(const Block& block, const Operands& own) {
  if (!own.q.is_cpu()) return flash(own.q, own.k, own.v, block.causal);
  const auto [out, lse] =
      at::_scaled_dot_product_flash_attention_for_cpu(own.q, own.k, own.v, 0.0, block.causal, given(block.mask));
  return {out, lse};
}

/// Gradients of one block's operands, given the whole output and log-sum-exp of its queries.
Operands attend_block_backward(const Block& block, const Operands& own, const at::Tensor& gradient, const Partial& whole) {
  if (own.q.is_cpu()) {
    const auto [q, k, v] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
        gradient, own.q, own.k, own.v, whole.out, whole.lse, 0.0, block.causal, given(block.mask));
    return {q, k, v};
  }
  const at::Tensor no_lengths, no_chance = own.q.new_empty({2}, at::kLong);  // read for packed and for dropped rows only
  const auto [q, k, v] = at::_scaled_dot_product_flash_attention_backward(
      gradient, own.q, own.k, own.v, whole.out, whole.lse.contiguous(), no_lengths, no_lengths, own.q.size(2), own.k.size(2),
      0.0, block.causal, no_chance, no_chance);
  return {q, k, v};
}

/// Output and log-sum-exp of the blocks met so far.
struct Merged {
  at::Tensor out;  ///< [Tq, H, d], float32 or better
  at::Tensor lse;  ///< [Tq, H]

  void add(const Block& block, const at::Tensor& out_b, const at::Tensor& lse_b) {
    if (!block.query_row.defined() && (block.first || !out.defined())) {  // below an empty root no block is first
      out = out_b;
      lse = lse_b;
      return;
    }
    if (block.first) {
      out.index_copy_(0, block.query_row, out_b);
      lse.index_copy_(0, block.query_row, lse_b);
      return;
    }
    const at::Tensor before = pick(lse, block.query_row);
    const at::Tensor after = before.logaddexp(lse_b);
    const at::Tensor kept = before.sub(after).exp_().unsqueeze(-1), added = lse_b.sub(after).exp_().unsqueeze(-1);
    const at::Tensor joined = pick(out, block.query_row).mul(kept).add_(out_b.mul(added));
    if (!block.query_row.defined()) {
      out = joined;
      lse = after;
      return;
    }
    out.index_copy_(0, block.query_row, joined);
    lse.index_copy_(0, block.query_row, after);
  }
};

class TreeAttention : public torch::autograd::Function<TreeAttention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::shared_ptr<const AttentionPlan>& plan) {
    const auto wide = q.options().dtype(q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat).requires_grad(false);
    Merged merged;
    if (plan->blocks.size() != 1 || plan->blocks.front().query_row.defined()) {
      merged.out = q.new_zeros(q.sizes(), wide);
      merged.lse = q.new_full({q.size(0), q.size(1)}, -std::numeric_limits<double>::infinity(), wide);
    }
    for (const Block& block : plan->blocks) {
      const Operands own = operands(block, q, k, v);
      const Partial part = attend_block(block, own);
      merged.add(block, to_rows(part.out, block.query_slot).to(wide.dtype()), to_rows(part.lse, block.query_slot));
    }
    const at::Tensor out = merged.out.to(q.scalar_type());
    context->save_for_backward({q, k, v, out, merged.lse});
    context->saved_data["plan"] = at::IValue::make_capsule(c10::make_intrusive<Holder>(plan));
    return out.flatten(1);
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const Tensors saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3], &lse = saved[4];
    const auto holder = context->saved_data["plan"].toCapsule();
    const AttentionPlan& plan = *static_cast<const Holder&>(*holder).plan;
    const at::Tensor gradient = gradients[0].view(q.sizes());
    at::Tensor to_q = q.new_zeros(q.sizes()), to_k = k.new_zeros(k.sizes()), to_v = v.new_zeros(v.sizes());
    for (const Block& block : plan.blocks) {
      const Operands own = operands(block, q, k, v);
      at::Tensor g = to_heads(gradient, block.query_index, block.count, block.queries);
      if (block.pad.defined()) g = g.masked_fill(block.pad.transpose(1, 2), 0);
      const at::Tensor out_b = to_heads(out, block.query_index, block.count, block.queries);
      const at::Tensor lse_b = pick(lse, block.query_index).view({block.count, block.queries, -1}).transpose(1, 2);
      const Operands back = attend_block_backward(block, own, g, {out_b, lse_b});
      add_rows(to_q, to_rows(back.q, block.query_slot), block.query_row);
      add_rows(to_k, to_rows(back.k, block.key_slot), block.key_row);
      add_rows(to_v, to_rows(back.v, block.key_slot), block.key_row);
    }
    return {to_q, to_k, to_v, at::Tensor()};
  }

 private:
  struct Holder : torch::CustomClassHolder {
    explicit Holder(std::shared_ptr<const AttentionPlan> own) : plan(std::move(own)) {}
    std::shared_ptr<const AttentionPlan> plan;
  };

  static void add_rows(at::Tensor& to, const at::Tensor& rows, const at::Tensor& index) {
    if (index.defined())
      to.index_add_(0, index, rows);
    else
      to.add_(rows);
  }
};

at::Tensor attend_dense(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionPlan& plan) {
  at::Tensor result;
  for (const Block& block : plan.blocks) {
    const Operands own = operands(block, q, k, v);
    const at::Tensor out =
        at::scaled_dot_product_attention(own.q, repeat_heads(own.k, q.size(1)), repeat_heads(own.v, q.size(1)), block.mask);
    const at::Tensor rows = to_rows(out, block.query_slot);
    if (!block.query_row.defined()) return rows.flatten(1);
    if (!result.defined()) result = q.new_zeros(q.sizes());
    result = result.index_copy(0, block.query_row, rows);
  }
  return result.flatten(1);
}

}  // namespace

at::Tensor repeat_heads(const at::Tensor& x, int64_t heads) {
  return x.size(1) == heads ? x : x.repeat_interleave(heads / x.size(1), 1);
}

bool has_flash(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  if (!q.is_cuda() || q.size(-1) % 8 != 0) return false;  // LibTorch would pad other widths
  const int64_t choice = at::_fused_sdp_choice(q, k, v, {}, 0.0, /*is_causal=*/false, {}, /*enable_gqa=*/true);
  return choice == static_cast<int64_t>(at::SDPBackend::flash_attention);
}

Partial flash(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool causal) {
  const auto results = at::_scaled_dot_product_flash_attention(q, k, v, 0.0, causal, /*return_debug_mask=*/false);
  return {std::get<0>(results), std::get<1>(results)};
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const std::shared_ptr<const AttentionPlan>& plan) {
  return plan->merged ? TreeAttention::apply(q, k, v, plan) : attend_dense(q, k, v, *plan);
}

}  // namespace rrpo::model
