// The causal decoder (Qwen2): one pass over packed rows.
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/pow.h>

#include <algorithm>
#include <numeric>

#include "functions.h"
#include "layers.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

Rotary rotary(const Decoder& decoder, const at::Tensor& positions, at::ScalarType type) {
  const at::Tensor exponent = at::arange(0, decoder.head_width, 2, at::kFloat).div(decoder.head_width);
  // On the CPU, as transformers: an angle of thousands turns a last bit of a frequency into the fourth digit of a cosine. In
  // double the table is made there too: the cosine is one of float32, and a GPU's differs in its last bit.
  const at::Device device = positions.device(), home = type == at::kDouble ? at::Device(at::kCPU) : device;
  const at::Tensor frequency = at::pow(decoder.theta, exponent).reciprocal().to(home);
  const at::Tensor angle = positions.to(home, at::kFloat).unsqueeze(1).mul(frequency).unsqueeze(1);
  return {angle.cos().to(device, type), angle.sin().to(device, type)};
}

at::Tensor queries(const Decoder& decoder, const DecoderLayer& layer, const at::Tensor& x, const Rotary& angles) {
  const at::Tensor q = linear(x, layer.q, decoder.adapter_on).view({x.size(0), decoder.heads, decoder.head_width});
  return rotate(q, angles.cos, angles.sin);
}

KeysAndValues keys_values(const Decoder& decoder, const DecoderLayer& layer, const at::Tensor& x, const Rotary& angles) {
  const at::Tensor k = linear(x, layer.k, decoder.adapter_on).view({x.size(0), decoder.kv_heads, decoder.head_width});
  const at::Tensor v = linear(x, layer.v, decoder.adapter_on).view({x.size(0), decoder.kv_heads, decoder.head_width});
  return {rotate(k, angles.cos, angles.sin), v};
}

at::Tensor finish_layer(const Decoder& decoder, const DecoderLayer& layer, const at::Tensor& x,
                        const at::Tensor& attention) {
  const bool on = decoder.adapter_on;
  const at::Tensor middle = x.add(linear(attention, layer.o, on));
  const at::Tensor normed = rms_norm(middle, layer.post_norm.weight, layer.post_norm.eps);
  return middle.add(linear(swiglu(linear(normed, layer.gate, on), linear(normed, layer.up, on)), layer.down, on));
}

at::Tensor embed(const Weights& weights, const std::vector<int64_t>& ids) {
  const int64_t rows = weights.decoder.embedding.size(0);
  expect(std::all_of(ids.begin(), ids.end(), [rows](int64_t id) { return id >= 0 && id < rows; }),
         "a token id outside the model's vocabulary");
  return at::embedding(weights.decoder.embedding, index_tensor(ids, weights.device)).to(weights.type);
}

namespace {

/// Token embeddings and visual tokens in the order of the rows, [T, D].
at::Tensor input_rows(const Weights& weights, const PackedRows& rows, const std::vector<at::Tensor>& visual) {
  std::vector<int64_t> tokens, lengths;
  std::copy_if(rows.ids.begin(), rows.ids.end(), std::back_inserter(tokens), [](int64_t id) { return id != kVisualRow; });
  const at::Tensor embedded = embed(weights, tokens);
  int64_t at = 0;
  for (const VisualRows& part : rows.visual) {
    expect(part.video >= 0 && part.video < static_cast<int64_t>(visual.size()), "rows of a video that is not given");
    expect(part.begin >= at, "visual rows out of order");
    const int64_t count = visual[static_cast<size_t>(part.video)].size(0);
    const auto first = rows.ids.begin() + part.begin;
    expect(part.begin + count <= static_cast<int64_t>(rows.ids.size()) &&
               std::all_of(first, first + count, [](int64_t id) { return id == kVisualRow; }),
           "a video with another number of visual tokens than its rows");
    lengths.push_back(part.begin - at);
    at = part.begin + count;
  }
  lengths.push_back(static_cast<int64_t>(rows.ids.size()) - at);
  expect(std::accumulate(lengths.begin(), lengths.end(), int64_t{0}) == static_cast<int64_t>(tokens.size()),
         "visual rows of no video");
  const std::vector<at::Tensor> texts = embedded.split_with_sizes(lengths);
  std::vector<at::Tensor> pieces;
  for (size_t i = 0; i < texts.size(); ++i) {
    pieces.push_back(texts[i]);
    if (i < rows.visual.size()) {
      pieces.push_back(visual[static_cast<size_t>(rows.visual[i].video)].to(weights.device, weights.type));
    }
  }
  return at::cat(pieces);
}

at::Tensor row_positions(const PackedRows& rows, at::Device device) {
  std::vector<int64_t> positions(rows.ids.size(), -1);
  for (const Segment& segment : rows.segments) {
    expect(segment.begin >= 0 && segment.begin + segment.length <= static_cast<int64_t>(positions.size()),
           "a segment beyond the rows");
    for (int64_t i = 0; i < segment.length; ++i)
      positions[static_cast<size_t>(segment.begin + i)] = segment.first_position + i;
  }
  expect(std::all_of(positions.begin(), positions.end(), [](int64_t p) { return p >= 0; }), "a row in no segment");
  return index_tensor(positions, device);
}

/// The rows to read, each once, and where each wanted one stands among them.
struct Reads {
  std::vector<int64_t> rows;
  std::vector<int64_t> place;
};
Reads unique_reads(const PackedRows& packed) {
  Reads reads{packed.read_rows, {}};
  std::sort(reads.rows.begin(), reads.rows.end());
  reads.rows.erase(std::unique(reads.rows.begin(), reads.rows.end()), reads.rows.end());
  expect(!reads.rows.empty() && reads.rows.front() >= 0 && reads.rows.back() < static_cast<int64_t>(packed.ids.size()),
         "a pass that reads no row, or one beyond its rows");
  for (const int64_t row : packed.read_rows) {
    reads.place.push_back(std::lower_bound(reads.rows.begin(), reads.rows.end(), row) - reads.rows.begin());
  }
  return reads;
}

/// How the rows of a whole pass are attended to: the fused kernels of a GPU take no mask.
Attention whole_kind(const Weights& weights, const PackedRows& rows) {
  constexpr int64_t kLong = 4096;  // of these rows a mask of their own would take 64 MB
  if (weights.device.is_cpu()) {
    const bool any_long = std::any_of(rows.segments.begin(), rows.segments.end(),
                                      [](const Segment& segment) { return segment.length > kLong; });
    return any_long ? Attention::split : Attention::merged;
  }
  const Decoder& decoder = weights.decoder;
  const auto options = at::TensorOptions(weights.device).dtype(weights.type);
  const at::Tensor q = at::empty({1, decoder.heads, 1, decoder.head_width}, options),
                   k = at::empty({1, decoder.kv_heads, 1, decoder.head_width}, options);
  return has_flash(q, k, k) ? Attention::split : Attention::dense;
}

std::vector<int64_t> count_to(int64_t end) {
  std::vector<int64_t> values(static_cast<size_t>(end));
  for (int64_t i = 0; i < end; ++i) values[static_cast<size_t>(i)] = i;
  return values;
}

at::Tensor run_layer(const Decoder& decoder, const DecoderLayer& layer, const at::Tensor& x, const Rotary& angles,
                     const std::shared_ptr<const AttentionPlan>& plan) {
  const at::Tensor normed = rms_norm(x, layer.input_norm.weight, layer.input_norm.eps);
  const KeysAndValues own = keys_values(decoder, layer, normed, angles);
  return finish_layer(decoder, layer, x, attend(queries(decoder, layer, normed, angles), own.k, own.v, plan));
}

/// The last layer: keys and values of all rows, the rest for the read rows only.
at::Tensor run_last_layer(const Decoder& decoder, const DecoderLayer& layer, const at::Tensor& x, const Rotary& angles,
                          const std::shared_ptr<const AttentionPlan>& plan, const at::Tensor& read) {
  const at::Tensor normed = rms_norm(x, layer.input_norm.weight, layer.input_norm.eps);
  const KeysAndValues own = keys_values(decoder, layer, normed, angles);
  const Rotary read_angles{angles.cos.index_select(0, read), angles.sin.index_select(0, read)};
  const at::Tensor q = queries(decoder, layer, normed.index_select(0, read), read_angles);
  return finish_layer(decoder, layer, x.index_select(0, read), attend(q, own.k, own.v, plan));
}

}  // namespace

at::Tensor hidden(const Lvlm& lvlm, const PackedRows& rows, const std::vector<at::Tensor>& visual) {
  const Weights& weights = lvlm.weights();
  const Decoder& decoder = weights.decoder;
  const Reads reads = unique_reads(rows);
  const auto options = at::TensorOptions(weights.device).dtype(weights.type);
  const auto all = plan_attention(rows, count_to(static_cast<int64_t>(rows.ids.size())), whole_kind(weights, rows), options);
  const Attention few = weights.device.is_cpu() ? Attention::merged : Attention::dense;
  const auto last = plan_attention(rows, reads.rows, few, options);
  const Rotary angles = rotary(decoder, row_positions(rows, weights.device), weights.type);
  at::Tensor x = input_rows(weights, rows, visual);
  for (size_t i = 0; i + 1 < decoder.layers.size(); ++i) x = run_layer(decoder, decoder.layers[i], x, angles, all);
  x = run_last_layer(decoder, decoder.layers.back(), x, angles, last, index_tensor(reads.rows, weights.device));
  x = rms_norm(x, decoder.norm.weight, decoder.norm.eps);
  return reads.rows == rows.read_rows ? x : x.index_select(0, index_tensor(reads.place, weights.device));
}

}  // namespace rrpo::model
