// Attention over a tree of segments, in two forms of equal value: gathered under autograd, or merged by log-sum-exp.
// The merge needs its own gradient: each block's backward takes the merged output and the merged log-sum-exp.
#include <ATen/SDPBackend.h>
#include <ATen/ops/_fused_sdp_choice.h>
#include <ATen/ops/_scaled_dot_product_flash_attention.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <vector>

#include "../functions.h"
#include "../graph.h"
#include "rrpo/util/error.h"
#include "tiled.h"

namespace rrpo::model {

namespace {

using torch::autograd::AutogradContext;
using Tensors = torch::autograd::variable_list;

std::optional<at::Tensor> given(const at::Tensor& mask) {
  return mask.defined() ? std::optional<at::Tensor>(mask) : std::nullopt;
}

/// The rows of a side with padding, [B * L, ...]; a range of them is a view.
at::Tensor take(const at::Tensor& rows, const Side& side, int64_t count) {
  if (side.index.defined()) return rows.index_select(0, side.index);
  if (count * side.length == rows.size(0)) return rows;  // a view of all of them would have a gradient of its own
  return rows.narrow(0, side.begin, count * side.length);
}

/// The same as heads of a batch, [B, H, L, ...].
at::Tensor take_heads(const at::Tensor& rows, const Side& side, int64_t count) {
  return take(rows, side, count).unflatten(0, {count, side.length}).transpose(1, 2);
}

/// [B, H, L, ...] as rows [B * L, H, ...].
at::Tensor as_rows(const at::Tensor& heads) { return heads.transpose(1, 2).flatten(0, 1); }

/// [B, H, L, ...] as rows [n, H, ...] without padding.
at::Tensor real_rows(const at::Tensor& heads, const Side& side) {
  return side.real.defined() ? as_rows(heads).index_select(0, side.real) : as_rows(heads);
}

/// Writes real rows to where they belong.
void put(const at::Tensor& to, const Side& side, const at::Tensor& rows) {
  if (side.row.defined())
    to.index_copy_(0, side.row, rows);
  else
    to.narrow(0, side.begin, rows.size(0)).copy_(rows);
}

/// Adds the heads of a batch to the rows that they came from; those of padding are zero.
void add_heads(const at::Tensor& to, const Side& side, const at::Tensor& heads) {
  if (side.index.defined())
    to.index_add_(0, side.index, as_rows(heads));
  else
    take_heads(to, side, heads.size(0)).add_(heads);
}

/// The operands of one block.
struct Operands {
  at::Tensor q, k, v;
};
Operands operands(const Block& block, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  return {take_heads(q, block.queries, block.count), take_heads(k, block.keys, block.count),
          take_heads(v, block.keys, block.count)};
}

Partial attend_block(const Block& block, const Operands& own) {
  if (!own.q.is_cpu()) {
    expect(!block.mask.defined(), "a mask for a kernel that takes none");
    return flash(own.q, own.k, own.v, block.causal);
  }
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

/// Output and log-sum-exp of the blocks met so far, in float32 or better.
class Merged {
 public:
  at::Tensor out;  ///< [Tq, H, d]
  at::Tensor lse;  ///< [Tq, H]

  /// Adds what a block says of its queries, [n, H, d] and [n, H], to the results of q [Tq, H, d].
  void add(const Block& block, const at::Tensor& out_b, const at::Tensor& lse_b, const at::Tensor& q) {
    if (block.first)
      set(block.queries, out_b.to(lse_b.scalar_type()), lse_b, q);
    else
      join(block.queries, out_b.to(lse_b.scalar_type()), lse_b);
  }

 private:
  void set(const Side& side, const at::Tensor& out_b, const at::Tensor& lse_b, const at::Tensor& q) {
    if (!side.index.defined() && out_b.size(0) == q.size(0)) {  // all there is, in order
      out = out_b;
      lse = lse_b;
      return;
    }
    if (!out.defined()) {  // the first blocks fill it
      out = out_b.new_empty(q.sizes());
      lse = lse_b.new_empty({q.size(0), q.size(1)});
    }
    put(out, side, out_b);
    put(lse, side, lse_b);
  }

  void join(const Side& side, const at::Tensor& out_b, const at::Tensor& lse_b) {
    const auto pick = [&](const at::Tensor& rows) {
      return side.row.defined() ? rows.index_select(0, side.row) : rows.narrow(0, side.begin, out_b.size(0));
    };
    const at::Tensor before = pick(lse), own = pick(out), after = before.logaddexp(lse_b);
    const at::Tensor kept = before.sub(after).exp_().unsqueeze(-1), added = lse_b.sub(after).exp_().unsqueeze(-1);
    own.mul_(kept).add_(out_b.mul(added));
    put(lse, side, after);
    if (side.row.defined()) put(out, side, own);  // else `own` is a part of it
  }
};

/// The gradient of the block's queries, [B, H, L, d], zero for padding.
at::Tensor take_gradient(const at::Tensor& gradient, const Side& side, int64_t count) {
  if (!side.real.defined()) return take_heads(gradient, side, count);
  const at::Tensor padded = gradient.new_zeros({count * side.length, gradient.size(1), gradient.size(2)});
  padded.index_copy_(0, side.real, gradient.index_select(0, side.row));
  return padded.unflatten(0, {count, side.length}).transpose(1, 2);
}

class TreeAttention : public torch::autograd::Function<TreeAttention> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                            const std::shared_ptr<const AttentionPlan>& plan) {
    Merged merged;
    for (const Block& block : plan->blocks) {
      const Partial part = attend_block(block, operands(block, q, k, v));
      merged.add(block, real_rows(part.out, block.queries), real_rows(part.lse, block.queries), q);
    }
    const at::Tensor out = merged.out.to(q.scalar_type());
    if (context != nullptr) {
      context->save_for_backward({q, k, v, out, merged.lse});
      keep(context, plan);
    }
    return out.flatten(1);
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const Tensors saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2], &out = saved[3], &lse = saved[4];
    const AttentionPlan& plan = *kept<std::shared_ptr<const AttentionPlan>>(context);
    const at::Tensor gradient = gradients[0].contiguous().view(q.sizes());
    const at::Tensor to_q = q.new_empty(q.sizes()), to_k = k.new_zeros(k.sizes()), to_v = v.new_zeros(v.sizes());
    for (const Block& block : plan.blocks) {
      const Side& side = block.queries;
      const Partial whole{take_heads(out, side, block.count), take_heads(lse, side, block.count)};
      const Operands back =
          attend_block_backward(block, operands(block, q, k, v), take_gradient(gradient, side, block.count), whole);
      if (block.first)
        put(to_q, side, real_rows(back.q, side));
      else
        add_heads(to_q, side, back.q);
      add_heads(to_k, block.keys, back.k);
      add_heads(to_v, block.keys, back.v);
    }
    return {to_q, to_k, to_v, at::Tensor()};
  }
};

at::Tensor attend_dense(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const AttentionPlan& plan) {
  std::vector<at::Tensor> results;
  for (const Block& block : plan.blocks) {
    const Operands own = operands(block, q, k, v);
    const at::Tensor keys = repeat_heads(own.k, q.size(1)), values = repeat_heads(own.v, q.size(1));
    results.push_back(as_rows(at::scaled_dot_product_attention(own.q, keys, values, given(block.mask))));
  }
  const at::Tensor all = results.size() == 1 ? results.front() : at::cat(results);
  return (plan.place.defined() ? all.index_select(0, plan.place) : all).flatten(1);
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

at::Tensor attend_pictures(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  if (attends_in_tiles(q.options())) {
    const auto plan = plan_pictures(q.size(0), q.size(1));
    return attend_in_tiles(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), plan).unflatten(0, {q.size(0), q.size(1)});
  }
  const auto heads = [](const at::Tensor& rows) { return rows.transpose(1, 2); };
  return at::scaled_dot_product_attention(heads(q), heads(k), heads(v)).transpose(1, 2).flatten(2);
}

at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                  const std::shared_ptr<const AttentionPlan>& plan) {
  expect(q.size(0) == plan->query_rows && k.size(0) == plan->rows && v.size(0) == plan->rows, "rows of another plan");
  if (!plan->tiles.empty()) return attend_in_tiles(q, k, v, plan);
  if (plan->blocks.empty()) return q.flatten(1);  // nobody looks
  return plan->merged ? call<TreeAttention>(q, k, v, plan) : attend_dense(q, k, v, *plan);
}

}  // namespace rrpo::model
