#include "qformer.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <algorithm>

#include "../layers.h"
#include "../shapes.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

constexpr const char* kTop = "qformer.bert.";

/// x [n, D] looks at y [m, Dy].
at::Tensor attend_to(const Qformer& qformer, const QformerAttention& layer, const at::Tensor& x, const at::Tensor& y,
                     Adapter adapter) {
  const auto heads = [&](const at::Tensor& rows, const Linear& part) {
    return linear(rows, part, adapter)
        .view({1, rows.size(0), qformer.heads, part.weight.size(0) / qformer.heads})
        .transpose(1, 2);
  };
  const at::Tensor mixed =
      at::scaled_dot_product_attention(heads(x, layer.query), heads(y, layer.key), heads(y, layer.value));
  return layer_norm(linear(mixed.transpose(1, 2).reshape({x.size(0), -1}), layer.out, adapter).add(x), layer.norm);
}

at::Tensor feed(const QformerMlp& layer, const at::Tensor& x, Adapter adapter) {
  return layer_norm(linear(at::gelu(linear(x, layer.up, adapter)), layer.down, adapter).add(x), layer.norm);
}

/// Queries in front of the words, [Q + n, D].
at::Tensor embed_text(const Qformer& qformer, const std::vector<int64_t>& text, at::ScalarType type) {
  const auto count = static_cast<int64_t>(text.size()), words = qformer.words.size(0);
  expect(count <= qformer.positions.size(0), "an eye reads a longer text than it has positions for");
  expect(std::all_of(text.begin(), text.end(), [&](int64_t id) { return id >= 0 && id < words; }),
         "an eye reads an id outside its vocabulary");
  const at::Tensor read =
      qformer.words.index_select(0, index_tensor(text, qformer.words.device())).add(qformer.positions.narrow(0, 0, count));
  return layer_norm(at::cat({qformer.queries[0], qformer.extra_queries[0], read}).to(type), qformer.norm);
}

}  // namespace

Qformer make_qformer(const ConfigReader& config, int64_t seen, const Shapes& shapes) {
  config.only("model_type", "bert");
  config.only("hidden_act", "gelu");
  config.only("position_embedding_type", "absolute");
  Qformer qformer;
  const int64_t width = config.integer("hidden_size", 1, kMaxWidth),
                inner = config.integer("intermediate_size", 1, kMaxWidth);
  qformer.heads = config.integer("num_attention_heads", 1, width);
  if (width % qformer.heads != 0) config.refuse("num_attention_heads", "does not divide hidden_size");
  const double eps = config.number("layer_norm_eps", 1e-12);
  const auto attention = [&](int64_t looked_at) {
    return QformerAttention{shapes.linear(width, width, true), shapes.linear(looked_at, width, true),
                            shapes.linear(looked_at, width, true), shapes.linear(width, width, true),
                            shapes.layer_norm(width, eps)};
  };
  const auto mlp = [&] {
    return QformerMlp{shapes.linear(width, inner, true), shapes.linear(inner, width, true), shapes.layer_norm(width, eps)};
  };
  qformer.words = shapes.tensor({config.integer("vocab_size", 1, kMaxVocabulary), width});
  qformer.positions = shapes.tensor({config.integer("max_position_embeddings", 2, 1 << 20), width});
  qformer.norm = shapes.layer_norm(width, eps);
  qformer.queries = shapes.tensor({1, config.integer("num_query_tokens", 1, 1 << 16), width});
  qformer.extra_queries = shapes.tensor({1, config.integer("num_extra_query_tokens", 1, 1 << 16), width});
  const int64_t every = config.integer("cross_attention_frequency", 1, kMaxLayers);
  for (int64_t i = 0; i < config.integer("num_hidden_layers", 1, kMaxLayers); ++i) {
    qformer.layers.push_back(
        {attention(width), i % every == 0 ? std::optional(attention(seen)) : std::nullopt, mlp(), mlp()});
  }
  return qformer;
}

void list_qformer(Listing& list, Qformer& qformer) {
  const std::string top = kTop;
  list.add("query_tokens", qformer.queries);
  list.add("extra_query_tokens", qformer.extra_queries);
  list.add(top + "embeddings.word_embeddings.weight", qformer.words);
  list.add(top + "embeddings.position_embeddings.weight", qformer.positions);
  list.add(top + "embeddings.LayerNorm", qformer.norm);
  const auto add_attention = [&](const std::string& at, QformerAttention& layer) {
    list.add(at + "self.query", layer.query);
    list.add(at + "self.key", layer.key);
    list.add(at + "self.value", layer.value);
    list.add(at + "output.dense", layer.out);
    list.add(at + "output.LayerNorm", layer.norm);
  };
  const auto add_mlp = [&](const std::string& at, const std::string& end, QformerMlp& layer) {
    list.add(at + "intermediate" + end + ".dense", layer.up);
    list.add(at + "output" + end + ".dense", layer.down);
    list.add(at + "output" + end + ".LayerNorm", layer.norm);
  };
  for (size_t i = 0; i < qformer.layers.size(); ++i) {
    QformerLayer& layer = qformer.layers[i];
    const std::string at = top + "encoder.layer." + std::to_string(i) + ".";
    add_attention(at + "attention.", layer.self);
    if (layer.cross) add_attention(at + "crossattention.", *layer.cross);
    add_mlp(at, "", layer.text);
    add_mlp(at, "_query", layer.queries);
  }
}

void each_qformer_linear(Qformer& qformer, const SeeLinear& see) {
  const auto see_attention = [&](const std::string& at, QformerAttention& layer) {
    see(at + "self.query", layer.query);
    see(at + "self.key", layer.key);
    see(at + "self.value", layer.value);
    see(at + "output.dense", layer.out);
  };
  for (size_t i = 0; i < qformer.layers.size(); ++i) {
    QformerLayer& layer = qformer.layers[i];
    const std::string at = std::string(kTop) + "encoder.layer." + std::to_string(i) + ".";
    see_attention(at + "attention.", layer.self);
    if (layer.cross) see_attention(at + "crossattention.", *layer.cross);
    see(at + "intermediate.dense", layer.text.up);
    see(at + "output.dense", layer.text.down);
    see(at + "intermediate_query.dense", layer.queries.up);
    see(at + "output_query.dense", layer.queries.down);
  }
}

at::Tensor run_qformer(const Qformer& qformer, const std::vector<int64_t>& text, const at::Tensor& features,
                       Adapter adapter) {
  const int64_t queries = qformer.query_count();
  at::Tensor x = embed_text(qformer, text, features.scalar_type());
  for (const QformerLayer& layer : qformer.layers) {
    x = attend_to(qformer, layer.self, x, x, adapter);
    at::Tensor asking = x.narrow(0, 0, queries);
    if (layer.cross) asking = attend_to(qformer, *layer.cross, asking, features, adapter);
    const at::Tensor read = x.narrow(0, queries, x.size(0) - queries);
    x = at::cat({feed(layer.queries, asking, adapter), feed(layer.text, read, adapter)});
  }
  return x.narrow(0, 0, queries);
}

Json qformer_json(const Qformer& qformer) {
  Json eps = Json::array({qformer.norm.eps});
  for (const QformerLayer& layer : qformer.layers) eps.push_back({layer.self.norm.eps, layer.cross.has_value()});
  return {{"heads", qformer.heads}, {"eps", eps}};
}

VisionCost qformer_cost(const Qformer& qformer, int64_t features) {
  constexpr double kText = 64;  // ids of a text, near enough: a hundredth of the whole
  const auto width = static_cast<double>(qformer.words.size(1)), seen = static_cast<double>(features);
  const auto queries = static_cast<double>(qformer.query_count());
  VisionCost cost;
  for (const QformerLayer& layer : qformer.layers) {
    const auto inner = static_cast<double>(layer.queries.up.weight.size(0));
    const double rows = queries + kText;
    cost.flop += 2 * rows * (4 * width * width + 2 * width * inner) + 4 * rows * rows * width;
    cost.kept_values += rows * (7 * width + 2 * inner);
    if (!layer.cross) continue;
    const auto seen_width = static_cast<double>(layer.cross->key.weight.size(1));
    cost.flop += 4 * seen * seen_width * width + 4 * queries * width * width + 4 * queries * seen * width;
    cost.kept_values += 2 * seen * width + 4 * queries * width;
  }
  return cost;
}

}  // namespace rrpo::model
