#include "rrpo/model/kv_cache.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <algorithm>

#include "functions.h"
#include "growth.h"
#include "layers.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

/// Branches of different lengths that a GPU's fused kernel, which knows no mask, takes one length after the other.
constexpr int64_t kMostParts = 8;

/// Causal attention of q [1, H, P, d] over k, v [1, Hkv, P, d].
at::Tensor attend_causally(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  const bool repeats = q.is_cpu() || has_flash(q, k, v);  // the kernel repeats the heads itself
  const at::Tensor keys = repeats ? k : repeat_heads(k, q.size(1)), values = repeats ? v : repeat_heads(v, q.size(1));
  return at::scaled_dot_product_attention(q, keys, values, {}, 0.0, /*is_causal=*/true, {}, /*enable_gqa=*/repeats);
}

/// The decoder with its adapter in the type that a GPU multiplies it in, which would else be made at every token. The
/// products are the same.
Decoder cast_adapter(const Weights& weights) {
  Decoder decoder = weights.decoder;
  if (!weights.device.is_cuda()) return decoder;
  for (DecoderLayer& layer : decoder.layers) {
    for (Linear* linear : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      if (!linear->lora.a.defined()) continue;
      linear->lora.a = linear->lora.a.to(weights.type);
      linear->lora.b = linear->lora.b.to(weights.type);
    }
  }
  return decoder;
}

/// The angles of every place in a branch, stem by stem: a branch goes on where its prefix ends.
Rotary angles_of(const Weights& weights, const std::vector<Stem>& stems, int64_t capacity) {
  std::vector<Position> positions;
  for (const Stem& stem : stems) {
    for (int64_t at = stem.prefix->next_position; at < stem.prefix->next_position + capacity; ++at)
      positions.push_back({at, at, at});
  }
  return rotary(weights.decoder, positions, weights.type, weights.device);
}

/// The new rows x [rows, D] through the decoder; returns the final hidden states of the branches that grow.
at::Tensor run(Branches& branches, const Growth& growth, at::Tensor x) {
  const Decoder& decoder = branches.decoder->decoder;
  const LayerPass pass{decoder, growth.angles, Adapter::on};
  for (size_t i = 0; i < decoder.layers.size(); ++i) {
    const KeysValues& held = branches.layers[i];
    const Attend keep_and_attend = [&, i](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
      store(held, growth, k, v);
      return attend_new(q, growth, held, i);
    };
    const bool ends = i + 1 == decoder.layers.size();
    x = run_layer(pass, decoder.layers[i], x, keep_and_attend, ends ? Wanted{.output = growth.last} : Wanted{});
  }
  for (size_t k = 0; k < growth.counts.size(); ++k) branches.lengths[k] += growth.counts[k];
  return final_norm(decoder, x);
}

/// How many parts without a mask a step may be cut into.
int64_t most_parts(const Branches& branches) {
  const at::Tensor keys = branches.layers.front().k.narrow(1, 0, 1).transpose(1, 2);
  return has_flash(keys, keys, keys) ? kMostParts : 1;
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
  if (prefix.length == 0) {
    const at::Tensor none = x.new_empty({decoder.kv_heads, 0, decoder.head_width});
    prefix.layers.assign(decoder.layers.size(), {none, none});
    return prefix;
  }
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
    if (i + 1 < decoder.layers.size()) {
      x = deep.add(run_layer(pass, decoder.layers[i], x, attend_and_keep), i, false);
    } else {
      const KeysAndValues own = keys_values(pass, decoder.layers[i], x);
      keep(own.k, own.v);
    }
  }
  return prefix;
}

Branches open_branches(const Lvlm& lvlm, const std::vector<Stem>& stems, int64_t capacity) {
  const Weights& weights = lvlm.weights();
  int64_t count = 0;
  for (const Stem& stem : stems) count += stem.branches;
  expect(count > 0 && capacity > 0, "branches without room");
  Branches branches{stems, std::vector<int64_t>(static_cast<size_t>(count), 0)};
  branches.decoder = std::make_shared<const GrowingDecoder>(
      GrowingDecoder{cast_adapter(weights), angles_of(weights, stems, capacity), capacity, weights.type, weights.device});
  const std::vector<int64_t> shape = {count, capacity, weights.decoder.kv_heads, weights.decoder.head_width};
  for (const KeysValues& layer : stems.front().prefix->layers)
    branches.layers.push_back({layer.k.new_zeros(shape), layer.v.new_zeros(shape)});
  return branches;
}

void keep_branches(Branches& branches, const std::vector<int64_t>& numbers) {
  if (numbers.size() == branches.lengths.size()) return;
  std::vector<int64_t> lengths;
  for (const int64_t k : numbers) lengths.push_back(branches.lengths[static_cast<size_t>(k)]);
  int64_t begin = 0;
  for (Stem& stem : branches.stems) {
    const int64_t end = begin + stem.branches;
    stem.branches = std::count_if(numbers.begin(), numbers.end(), [&](int64_t k) { return k >= begin && k < end; });
    begin = end;
  }
  branches.lengths = std::move(lengths);
  const at::Tensor rows = index_tensor(numbers, branches.decoder->device);
  for (KeysValues& layer : branches.layers) layer = {layer.k.index_select(0, rows), layer.v.index_select(0, rows)};
}

at::Tensor extend(const Lvlm& lvlm, Branches& branches, const std::vector<std::vector<int64_t>>& tokens) {
  expect(tokens.size() == branches.lengths.size(), "tokens for another number of branches");
  std::vector<int64_t> ids, counts;
  for (const std::vector<int64_t>& own : tokens) {
    ids.insert(ids.end(), own.begin(), own.end());
    counts.push_back(static_cast<int64_t>(own.size()));
  }
  const auto count = static_cast<int64_t>(tokens.size());
  const Growth growth = plan_growth(branches, branches.lengths, counts, most_parts(branches));
  const at::Tensor x = embed(lvlm.weights(), ids);
  if (growth.rows == 0) return x.new_zeros({count, x.size(1)});
  const at::Tensor out = run(branches, growth, x);
  if (out.size(0) == count) return out;
  return out.new_zeros({count, out.size(1)}).index_copy_(0, index_tensor(growth.growing, out.device()), out);
}

void grow(const Lvlm& lvlm, Branches& branches, const std::vector<int64_t>& first, int64_t count, const ChooseIds& choose) {
  expect(first.size() == branches.lengths.size() && count > 0, "tokens for another number of branches");
  const std::vector<int64_t> one(first.size(), 1);
  std::vector<int64_t> lengths = branches.lengths;
  std::vector<Growth> steps;
  const int64_t parts = most_parts(branches);
  for (int64_t step = 0; step < count; ++step) {
    steps.push_back(plan_growth(branches, lengths, one, parts));
    for (int64_t& length : lengths) ++length;
  }
  const Weights& weights = lvlm.weights();
  at::Tensor x = embed(weights, first);
  for (size_t step = 0; step < steps.size(); ++step) {
    const at::Tensor ids = choose(run(branches, steps[step], x));
    if (step + 1 < steps.size()) x = at::embedding(weights.decoder.embedding, ids).to(weights.type);
  }
}

}  // namespace rrpo::model
