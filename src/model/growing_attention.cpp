// Attention of new rows: over the prefix of their stem, which all of them see, and over their own branch; one softmax.
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/cat.h>

#include <cmath>
#include <limits>

#include "functions.h"
#include "growth.h"

namespace rrpo::model {

namespace {

at::ScalarType wide_type(at::ScalarType type) { return type == at::kDouble ? at::kDouble : at::kFloat; }

/// Attention by its parts: the heads that share keys stand in one matrix, so that keys and values are read once.
Partial attend_by_parts(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask) {
  const int64_t batch = q.size(0), heads = q.size(1), length = q.size(2), shared = k.size(1);
  const at::Tensor rows = q.reshape({batch, shared, heads / shared * length, q.size(3)});
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(3)));
  at::Tensor scores = rows.matmul(k.transpose(-1, -2)).to(wide_type(q.scalar_type())).mul(scale);
  scores = scores.view({batch, heads, length, k.size(2)});
  if (mask.defined()) scores = scores.add(mask);
  const at::Tensor lse = scores.logsumexp({-1});
  const at::Tensor weights = scores.sub(lse.unsqueeze(-1)).exp_().to(q.scalar_type());
  return {weights.view({batch, shared, -1, k.size(2)}).matmul(v).view(q.sizes()), lse};
}

/// Attention of q [B, H, L, d] over k, v [B, Hkv, S, d] and its log-sum-exp [B, H, L], both in float32 or better.
Partial attend_keys(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& mask) {
  const auto wide = [&](const at::Tensor& out) { return out.to(wide_type(q.scalar_type())); };
  if (q.is_cpu()) {
    const std::optional<at::Tensor> given = mask.defined() ? std::optional(mask) : std::nullopt;
    const auto [out, lse] = at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, /*is_causal=*/false, given);
    return {wide(out), lse};
  }
  const bool fused = !mask.defined() && has_flash(q, k, v);
  const Partial part = fused ? flash(q, k, v, /*causal=*/false) : attend_by_parts(q, k, v, mask);
  return {wide(part.out), part.lse};
}

/// Rows [n, Hkv, G, d] over a prefix that all of them see: the rows of all heads that share keys are one matrix.
Partial attend_prefix(const at::Tensor& q, const KeysValues& prefix) {
  const int64_t rows = q.size(0), shared = q.size(1), group = q.size(2);
  if (prefix.k.size(1) == 0) {
    const at::Tensor out = q.new_zeros(q.sizes(), q.options().dtype(wide_type(q.scalar_type())));
    return {out, out.select(-1, 0).sub(std::numeric_limits<double>::infinity())};
  }
  const at::Tensor queries = q.transpose(0, 1).reshape({1, shared, rows * group, q.size(3)});
  const Partial part = attend_keys(queries, prefix.k.unsqueeze(0), prefix.v.unsqueeze(0), {});
  const auto as_rows = [&](const at::Tensor& x) { return x.squeeze(0).unflatten(1, {rows, group}).transpose(0, 1); };
  return {as_rows(part.out), as_rows(part.lse)};
}

/// Rows [n, Hkv, G, d] of a part over what its branches hold.
Partial attend_own(const at::Tensor& q, const OwnPart& part, const KeysValues& own) {
  const auto held = [&](const at::Tensor& x) {
    return x.narrow(0, part.branch, part.branches).narrow(1, 0, part.reach).transpose(1, 2);
  };
  const at::Tensor rows = part.padded.defined() ? q.index_select(0, part.padded) : q;
  const auto real = [&](const at::Tensor& x) { return part.real.defined() ? x.index_select(0, part.real) : x; };
  if (part.longest == 1) {  // one row a branch: its heads that share keys are one matrix
    const Partial out = attend_keys(rows, held(own.k), held(own.v), part.mask);
    return {real(out.out), real(out.lse)};
  }
  const at::Tensor queries = rows.flatten(1, 2).unflatten(0, {part.branches, part.longest}).transpose(1, 2);
  const Partial out = attend_keys(queries, held(own.k), held(own.v), part.mask);
  const auto as_rows = [&](const at::Tensor& x) {
    return real(x.transpose(1, 2).flatten(0, 1)).unflatten(1, {q.size(1), q.size(2)});
  };
  return {as_rows(out.out), as_rows(out.lse)};
}

/// The parts' rows one after the other.
Partial joined(const std::vector<Partial>& parts) {
  if (parts.size() == 1) return parts.front();
  std::vector<at::Tensor> outs, lses;
  for (const Partial& part : parts) {
    outs.push_back(part.out);
    lses.push_back(part.lse);
  }
  return {at::cat(outs), at::cat(lses)};
}

}  // namespace

void store(const KeysValues& layer, const Growth& growth, const at::Tensor& k, const at::Tensor& v) {
  const auto put = [&](const at::Tensor& held, const at::Tensor& rows) {
    if (growth.place.defined()) {
      held.flatten(0, 1).index_copy_(0, growth.place, rows);
    } else {
      const int64_t each = growth.counts.front();
      held.narrow(1, growth.slot, each).copy_(rows.unflatten(0, {held.size(0), each}));
    }
  };
  put(layer.k, k);
  put(layer.v, v);
}

at::Tensor attend_new(const at::Tensor& q, const Growth& growth, const KeysValues& own, size_t layer) {
  const int64_t shared = own.k.size(2);
  const at::Tensor rows = q.unflatten(1, {shared, q.size(1) / shared});
  std::vector<Partial> before, since;
  for (const PrefixPart& part : growth.prefixes)
    before.push_back(attend_prefix(rows.narrow(0, part.row, part.rows), part.prefix->layers[layer]));
  for (const OwnPart& part : growth.own) since.push_back(attend_own(rows.narrow(0, part.row, part.rows), part, own));
  const Partial a = joined(before), b = joined(since);
  // One softmax over the keys of both: each counts by its sum of exponentials.
  const at::Tensor share = b.lse.sub(a.lse).sigmoid_().unsqueeze(-1);
  return a.out.lerp(b.out, share).to(q.scalar_type()).flatten(1);
}

}  // namespace rrpo::model
