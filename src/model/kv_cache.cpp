#include "rrpo/model/kv_cache.h"

#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "functions.h"
#include "layers.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

/// Attention by its parts: the heads that share keys stand in one matrix, so that keys and values are read once.
Partial attend_by_parts(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::optional<at::Tensor>& mask,
                        at::ScalarType wide) {
  const int64_t batch = q.size(0), heads = q.size(1), length = q.size(2), shared = k.size(1);
  const at::Tensor rows = q.reshape({batch, shared, heads / shared * length, q.size(3)});
  const double scale = 1 / std::sqrt(static_cast<double>(q.size(3)));
  at::Tensor scores = rows.matmul(k.transpose(-1, -2)).to(wide).mul(scale).view({batch, heads, length, k.size(2)});
  if (mask) scores = scores.add(*mask);
  const at::Tensor lse = scores.logsumexp({-1});
  const at::Tensor weights = scores.sub(lse.unsqueeze(-1)).exp_().to(q.scalar_type());
  return {weights.view({batch, shared, -1, k.size(2)}).matmul(v).view(q.sizes()).to(wide), lse};
}

/// Attention of q [B, H, L, d] over k, v [B, Hkv, S, d] with its log-sum-exp [B, H, L], both in float32 or better.
Partial attend_part(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::optional<at::Tensor>& mask) {
  const at::ScalarType wide = q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  if (q.is_cpu()) {
    const auto [out, lse] = at::_scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, false, mask);
    return {out.to(wide), lse};
  }
  if (mask || !has_flash(q, k, v)) return attend_by_parts(q, k, v, mask, wide);
  const Partial part = flash(q, k, v, /*causal=*/false);
  return {part.out.to(wide), part.lse};
}

/// The new tokens of all branches, packed, and where each one stands in the padded form [K, longest].
struct NewRows {
  std::vector<int64_t> ids, branch, offset;
  std::vector<int64_t> last, last_branch;  ///< last new row of each branch that has one
  int64_t longest = 0;
};
NewRows pack_new(const std::vector<std::vector<int64_t>>& tokens) {
  NewRows rows;
  for (size_t k = 0; k < tokens.size(); ++k) {
    for (size_t i = 0; i < tokens[k].size(); ++i) {
      rows.ids.push_back(tokens[k][i]);
      rows.branch.push_back(static_cast<int64_t>(k));
      rows.offset.push_back(static_cast<int64_t>(i));
    }
    rows.longest = std::max(rows.longest, static_cast<int64_t>(tokens[k].size()));
    if (tokens[k].empty()) continue;
    rows.last.push_back(static_cast<int64_t>(rows.ids.size()) - 1);
    rows.last_branch.push_back(static_cast<int64_t>(k));
  }
  return rows;
}

/// Index tensors of one call.
struct Places {
  at::Tensor cache;   ///< [n] place of a new row in [K * capacity]
  at::Tensor query;   ///< [K * L] new row of each padded query (some real row where there is none)
  at::Tensor real;    ///< [n] place of a new row in [K * L]
  at::Tensor mask;    ///< [K, 1, L, S] additive
  int64_t reach = 0;  ///< S: longest branch with its new tokens
};
Places find_places(const NewRows& rows, const std::vector<int64_t>& lengths, int64_t capacity,
                   const at::TensorOptions& wide) {
  const auto count = static_cast<int64_t>(lengths.size());
  std::vector<int64_t> cache, real, query(static_cast<size_t>(count * rows.longest), 0);
  std::vector<int64_t> seen(query.size(), 1);  // a padded query sees one key, so that its softmax is finite
  Places places;
  for (size_t i = 0; i < rows.ids.size(); ++i) {
    const int64_t k = rows.branch[i], at = lengths[static_cast<size_t>(k)] + rows.offset[i];
    expect(at < capacity, "a branch longer than its room");
    cache.push_back(k * capacity + at);
    real.push_back(k * rows.longest + rows.offset[i]);
    query[static_cast<size_t>(real.back())] = static_cast<int64_t>(i);
    seen[static_cast<size_t>(real.back())] = at + 1;
    places.reach = std::max(places.reach, at + 1);
  }
  places.cache = index_tensor(cache, wide.device());
  places.query = index_tensor(query, wide.device());
  places.real = index_tensor(real, wide.device());
  check_mask(count, rows.longest, places.reach, wide.dtype() == at::kDouble ? 8 : 4);
  const at::Tensor limit = index_tensor(seen, wide.device()).view({count, 1, rows.longest, 1});
  const at::Tensor hidden = at::arange(places.reach, limit.options()).ge(limit);
  places.mask = hidden.new_zeros(hidden.sizes(), wide).masked_fill_(hidden, -std::numeric_limits<double>::infinity());
  return places;
}

/// Puts the new keys or values [n, Hkv, d] into the cache [K, Hkv, capacity, d].
void store(at::Tensor& cache, const at::Tensor& rows, const Places& places) {
  const int64_t capacity = cache.size(2);
  const at::Tensor branch = places.cache.div(capacity, "floor"), at = places.cache.remainder(capacity);
  cache.transpose(1, 2).index_put_({branch, at}, rows);
}

/// Attention of the new rows over the prefix and over their own branch, merged; [n, H * d].
at::Tensor attend_both(const at::Tensor& q, const KeysValues& prefix, const KeysValues& own, const Places& places,
                       int64_t length) {
  const int64_t count = own.k.size(0);
  const at::Tensor padded = q.index_select(0, places.query).view({count, length, q.size(1), q.size(2)}).transpose(1, 2);
  const Partial branch =
      attend_part(padded, own.k.narrow(2, 0, places.reach), own.v.narrow(2, 0, places.reach), places.mask);
  at::Tensor out = branch.out.transpose(1, 2).flatten(0, 1).index_select(0, places.real);
  at::Tensor lse = branch.lse.transpose(1, 2).flatten(0, 1).index_select(0, places.real);
  if (prefix.k.size(1) > 0) {
    const Partial shared = attend_part(q.transpose(0, 1).unsqueeze(0), prefix.k.unsqueeze(0), prefix.v.unsqueeze(0), {});
    const at::Tensor other = shared.lse.squeeze(0).t(), both = lse.logaddexp(other);
    out = out.mul(lse.sub(both).exp_().unsqueeze(-1));
    out = out.add(shared.out.squeeze(0).transpose(0, 1).mul(other.sub(both).exp_().unsqueeze(-1)));
  }
  return out.to(q.scalar_type()).flatten(1);
}

std::vector<Position> new_positions(const NewRows& rows, int64_t prefix, const std::vector<int64_t>& lengths) {
  std::vector<Position> positions;
  for (size_t i = 0; i < rows.ids.size(); ++i) {
    const int64_t at = prefix + lengths[static_cast<size_t>(rows.branch[i])] + rows.offset[i];
    positions.push_back({at, at, at});
  }
  return positions;
}

/// The final hidden rows of `x` for the last token of each branch.
at::Tensor finish_rows(const Weights& weights, const at::Tensor& x, const NewRows& rows, int64_t count) {
  const at::Tensor normed = final_norm(weights.decoder, x);
  at::Tensor out = normed.new_zeros({count, normed.size(1)});
  return out.index_copy_(0, index_tensor(rows.last_branch, weights.device), normed);
}

/// Causal attention of q [1, H, P, d] over k, v [1, Hkv, P, d].
at::Tensor attend_causally(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const bool repeats = q.is_cpu() || has_flash(q, k, v);  // the kernel repeats the heads itself
  const at::Tensor keys = repeats ? k : repeat_heads(k, q.size(1)), values = repeats ? v : repeat_heads(v, q.size(1));
  return at::scaled_dot_product_attention(q, keys, values, {}, 0.0, /*is_causal=*/true, {}, /*enable_gqa=*/repeats);
}

}  // namespace

Prefix prefill(const Lvlm& lvlm, const PackedRows& rows, const std::vector<VisualTokens>& visual) {
  const Weights& weights = lvlm.weights();
  const Decoder& decoder = weights.decoder;
  expect(rows.segments.size() == 1, "a prefix of several segments");
  at::Tensor x = input_rows(weights, rows, visual);
  Prefix prefix;
  prefix.length = x.size(0);
  prefix.next_position = rows.segments.front().next_position;
  const LayerPass pass{decoder, rotary(decoder, rows.positions, weights.type, weights.device), Adapter::on};
  const DeepRows deep(weights, rows, visual, {});
  const auto keep = [&prefix](const at::Tensor& k, const at::Tensor& v) {
    prefix.layers.push_back({k.transpose(0, 1).contiguous(), v.transpose(0, 1).contiguous()});
  };
  const Attend attend_and_keep = [&keep](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    keep(k, v);
    const auto heads = [](const at::Tensor& rows) { return rows.transpose(0, 1).unsqueeze(0); };
    return attend_causally(heads(q), heads(k), heads(v)).squeeze(0).transpose(0, 1).flatten(1);
  };
  for (size_t i = 0; i < decoder.layers.size(); ++i) {
    if (i + 1 < decoder.layers.size() && prefix.length > 0) {
      x = deep.add(run_layer(pass, decoder.layers[i], x, attend_and_keep), i, false);
    } else {
      const KeysAndValues own = keys_values(pass, decoder.layers[i], x);
      keep(own.k, own.v);
    }
  }
  return prefix;
}

Branches open_branches(const Lvlm& lvlm, const Prefix& prefix, int64_t count, int64_t capacity) {
  const Decoder& decoder = lvlm.weights().decoder;
  expect(count > 0 && capacity > 0, "branches without room");
  Branches branches;
  branches.lengths.assign(static_cast<size_t>(count), 0);
  for (const KeysValues& layer : prefix.layers) {
    const std::vector<int64_t> shape = {count, decoder.kv_heads, capacity, decoder.head_width};
    branches.layers.push_back({layer.k.new_zeros(shape), layer.v.new_zeros(shape)});
  }
  return branches;
}

at::Tensor extend(const Lvlm& lvlm, const Prefix& prefix, Branches& branches,
                  const std::vector<std::vector<int64_t>>& tokens) {
  const Weights& weights = lvlm.weights();
  const Decoder& decoder = weights.decoder;
  expect(tokens.size() == branches.lengths.size(), "tokens for another number of branches");
  const NewRows rows = pack_new(tokens);
  const auto count = static_cast<int64_t>(tokens.size());
  at::Tensor x = embed(weights, rows.ids);
  if (rows.ids.empty()) return x.new_zeros({count, x.size(1)});
  const auto wide = at::TensorOptions(weights.device).dtype(weights.type == at::kDouble ? at::kDouble : at::kFloat);
  const Places places = find_places(rows, branches.lengths, branches.layers.front().k.size(2), wide);
  const std::vector<Position> positions = new_positions(rows, prefix.next_position, branches.lengths);
  const LayerPass pass{decoder, rotary(decoder, positions, weights.type, weights.device), Adapter::on};
  const Wanted last{.output = index_tensor(rows.last, weights.device)};
  for (size_t i = 0; i < decoder.layers.size(); ++i) {
    const Attend attend_and_keep = [&, i](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
      store(branches.layers[i].k, k, places);
      store(branches.layers[i].v, v, places);
      return attend_both(q, prefix.layers[i], branches.layers[i], places, rows.longest);
    };
    const bool ends = i + 1 == decoder.layers.size();
    x = run_layer(pass, decoder.layers[i], x, attend_and_keep, ends ? last : Wanted{});
  }
  for (size_t k = 0; k < tokens.size(); ++k) branches.lengths[k] += static_cast<int64_t>(tokens[k].size());
  return finish_rows(weights, x, rows, count);
}

}  // namespace rrpo::model
