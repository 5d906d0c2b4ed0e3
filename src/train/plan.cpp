#include "rrpo/train/plan.h"

#include <algorithm>

#include "rrpo/model/weights.h"

namespace rrpo::train {

namespace {

double d(int64_t value) { return static_cast<double>(value); }

double elements(const at::Tensor& tensor) { return tensor.defined() ? d(tensor.numel()) : 0; }

std::string leaf(const std::string& name) { return name.substr(name.rfind('.') + 1); }

void add_lora(ModelShape& shape, const model::Lvlm& lvlm, const model::LoraConfig& lora) {
  const std::vector<std::string> targets = lora.targets.empty() ? lora.targets : model::targeted_modules(lvlm, lora.targets);
  const std::string decoder = "model.language_model.", last = ".layers." + std::to_string(shape.layers - 1) + ".";
  model::each_linear(const_cast<model::Lvlm&>(lvlm).weights(), [&](const std::string& name, model::Linear& linear) {
    const bool target = std::find(targets.begin(), targets.end(), name) != targets.end();
    const int64_t rank = linear.lora.a.defined() ? linear.lora.a.size(0) : target ? lora.rank : 0;
    const double parameters = d(rank) * d(linear.weight.size(0) + linear.weight.size(1));
    if (!name.starts_with(decoder)) {
      shape.lora_vision += parameters;
      return;
    }
    shape.lora += parameters;
    shape.lora_ranks += d(rank);
    if (name.find(last) == std::string::npos) return;
    const bool is_key_or_value = leaf(name) == "k_proj" || leaf(name) == "v_proj";
    shape.lora_last += parameters;
    shape.lora_ranks_last += d(rank);
    if (!is_key_or_value) return;
    shape.lora_last_kv += parameters;
    shape.lora_ranks_last_kv += d(rank);
  });
}

/// Pairs of query and key, one layer: a causal triangle over the video, and each branch over all before it.
double attention_pairs(const PairRows& rows) {
  const double before = rows.prefix + rows.question;
  const double answers =
      (rows.chosen + rows.rejected) * before + (rows.chosen * rows.chosen + rows.rejected * rows.rejected) / 2;
  const double question = rows.question * rows.prefix + rows.question * rows.question / 2;
  return rows.prefix * rows.prefix / 2 + d(rows.pairs) * (question + answers);
}

/// A number per layer and row for all rows, and in the last layer for read rows but for keys and values.
double over_layers(const PairRows& rows, double all, double last, double last_kv) {
  const double read = rows.read * d(rows.pairs);
  return (all - last) * rows.rows() + last_kv * rows.rows() + (last - last_kv) * read;
}

double forward_linears(const ModelShape& model, const PairRows& rows) {
  const double layer = model.layer_linears(), kv = 2.0 * d(model.width) * d(model.key_width);
  return 2 * over_layers(rows, d(model.layers) * layer, layer, kv);
}

double forward_attention(const ModelShape& model, const PairRows& rows) {
  const double read = rows.read * d(rows.pairs) * (rows.prefix + rows.question);
  return 4.0 * d(model.query_width) * (d(model.layers - 1) * attention_pairs(rows) + read);
}

/// Bytes that rows keep for backward, in one layer.
struct Kept {
  double inside = 0;  ///< of a layer but the last, per row
  double last = 0;    ///< of the last one, per row: its input, normed, with keys and values
  double read = 0;    ///< of the last one, per read row: all that is left
};
Kept kept_per_row(const ModelShape& model, const MemoryRules& rules) {
  const double value = d(model.value_bytes), width = d(model.width), inner = d(model.inner);
  const double queries = d(model.query_width), keys = 2 * d(model.key_width);
  const double normed = rules.recompute_elementwise ? 0 : width, product = rules.recompute_elementwise ? 0 : inner;
  Kept kept;
  kept.last = (width + normed + keys) * value + 4;  // with the scale of the norm, float32
  // Queries and what they found, the row between the halves and its norm, the gate's two rows and their product; with the
  // log-sum-exp of each head and a second scale.
  kept.read = (2 * queries + width + normed + 2 * inner + product) * value + 4 * (d(model.heads) + 1);
  kept.inside = kept.last + kept.read;
  return kept;
}

/// Bytes of a row between A and B of an adapter, per rank.
double inner_row_bytes(const ModelShape& model, const MemoryRules& rules) {
  return rules.narrow_adapter || rules.recompute_elementwise ? d(model.value_bytes)
                                                             : std::max<double>(4, d(model.value_bytes));
}

double kept_by_decoder(const ModelShape& model, const PairRows& rows, const MemoryRules& rules) {
  const Kept kept = kept_per_row(model, rules);
  const double all = rows.rows(), read = rows.read * d(rows.pairs);
  const double inside = d(model.layers - 1) * kept.inside;
  const double ranks = over_layers(rows, model.lora_ranks, model.lora_ranks_last, model.lora_ranks_last_kv);
  const double angles = d(model.head_width) * d(model.value_bytes);
  return all * (inside + kept.last + angles) + read * kept.read + ranks * inner_row_bytes(model, rules);
}

/// Bytes of the masks of a pass on a CPU, float32 or better: every query of a segment and below it over that segment's rows;
/// the last layer has one of its own, for the read rows.
double mask_bytes(const ModelShape& model, const PairRows& rows) {
  const double own = rows.chosen * rows.chosen + rows.rejected * rows.rejected;
  const double branch = (rows.question + rows.chosen + rows.rejected) * rows.question + own;
  const double all = rows.rows() * rows.prefix + d(rows.pairs) * branch;
  const double last = d(rows.pairs) * own;  // its rows see all of the video and the question
  return std::max<double>(4, d(model.value_bytes)) * (all + last);
}

/// Temporaries of a layer at its widest, the end of the MLP under the reference (backward holds about as much): gate, up and
/// product; the layer's input, what it is normed to, both again after attention, what comes of the MLP, their sum; the
/// visual tokens; queries and what they found; keys and values.
double layer_temporaries(const ModelShape& model, const PairRows& rows) {
  const double value = d(model.value_bytes), width = d(model.width);
  return rows.rows() * (3 * d(model.inner) + 7 * width + 2 * d(model.query_width + model.key_width)) * value;
}

/// Temporaries of the head: logits of a chunk of rows of both models, their logarithms, and what the KL makes of them.
double head_temporaries(const ModelShape& model, const PairRows& rows, const StepKind& kind) {
  const double value = std::max<double>(4, d(model.value_bytes)), chunk = 16.0 * (1 << 20);  // loss/token_stats
  const double logits = value * std::min(rows.read * d(rows.pairs) * d(model.vocabulary), chunk);
  return (kind.reference ? 5 : 2) * logits;
}

double length(const std::vector<int64_t>& ids) { return d(static_cast<int64_t>(ids.size())); }

/// The last id of an answer is predicted, never read.
double input_rows(const text::AnswerIds& answer) { return std::max(0.0, length(answer.ids) - 1); }

PairRows rows_of(const data::Sample& sample, const Seen& seen) {
  PairRows rows;
  rows.vision = seen.vision;
  rows.prefix = d(seen.rows);
  rows.question = length(sample.question);
  rows.chosen = input_rows(sample.chosen);
  rows.rejected = input_rows(sample.rejected);
  rows.read = length(sample.chosen.ids) + length(sample.rejected.ids);
  return rows;
}

}  // namespace

PairRows mean_rows(const data::Dataset& dataset, const SeenOf& seen) {
  PairRows mean;
  const double share = 1 / std::max(1.0, d(dataset.rows()));
  for (const data::Sample& sample : dataset.samples) {
    const PairRows one = rows_of(sample, seen(sample));
    mean.vision.flop += share * one.vision.flop;
    mean.vision.kept_values += share * one.vision.kept_values;
    mean.prefix += share * one.prefix;
    mean.question += share * one.question;
    mean.chosen += share * one.chosen;
    mean.rejected += share * one.rejected;
    mean.read += share * one.read;
  }
  return mean;
}

PairRows longest_rows(const data::Dataset& dataset, const SeenOf& seen) {
  PairRows longest;
  for (const data::Sample& sample : dataset.samples) {
    const PairRows one = rows_of(sample, seen(sample));
    if (one.rows() > longest.rows()) longest = one;
  }
  return longest;
}

ModelShape shape_of(const model::Lvlm& lvlm, const model::LoraConfig& lora) {
  const model::Weights& weights = lvlm.weights();
  ModelShape shape;
  for (const model::NamedTensor& tensor : model::tensors(const_cast<model::Lvlm&>(lvlm))) {
    const double count = elements(*tensor.tensor);
    shape.parameters += count;
    if (tensor.part == model::Part::vision) shape.vision_parameters += count;
    if (tensor.part == model::Part::projector) shape.projector_parameters += count;
  }
  const model::Decoder& decoder = weights.decoder;
  shape.layers = static_cast<int64_t>(decoder.layers.size());
  shape.width = model::width(lvlm);
  shape.inner = decoder.layers[0].up.weight.size(0);
  shape.heads = decoder.heads;
  shape.head_width = decoder.head_width;
  shape.query_width = decoder.heads * decoder.head_width;
  shape.key_width = decoder.kv_heads * decoder.head_width;
  shape.vocabulary = model::vocabulary(lvlm);
  shape.value_bytes = static_cast<int64_t>(c10::elementSize(weights.type));
  add_lora(shape, lvlm, lora);
  return shape;
}

Flop flop_of(const ModelShape& model, const PairRows& rows, const StepKind& kind) {
  const bool through =
      kind.decoder || kind.projector || kind.vision || model.lora + model.lora_vision > 0;  // gradients pass the decoder
  const double linears = forward_linears(model, rows), attention = forward_attention(model, rows);
  const double logits = 2 * d(model.vocabulary) * d(model.width) * rows.read * d(rows.pairs);
  Flop flop;
  // With an adapter on the eye the reference sees tokens of its own.
  const double vision_units = kind.vision ? 3 : model.lora_vision > 0 ? (kind.reference ? 3 : 2) : 1;
  if (kind.encode) flop.vision = vision_units * rows.vision.flop;
  flop.linears = linears * (1 + (through ? 1 : 0) + (kind.decoder ? 1 : 0));
  flop.attention = attention * (through ? 3.5 : 1);
  flop.lora = 6 * over_layers(rows, model.lora, model.lora_last, model.lora_last_kv);
  if (kind.reference) flop.reference = linears + attention;
  flop.head = logits * ((through ? 2 : 1) + (kind.decoder ? 1 : 0) + (kind.reference ? 1 : 0));
  return flop;
}

Memory memory_of(const ModelShape& model, const PairRows& rows, const StepKind& kind, const MemoryRules& rules) {
  const double text = model.parameters - model.vision_parameters - model.projector_parameters;
  const double parts = (kind.decoder ? text : 0) + (kind.vision ? model.vision_parameters : 0) +
                       (kind.projector ? model.projector_parameters : 0);
  Memory memory;
  memory.weights = (model.parameters - parts) * d(model.value_bytes);
  memory.trained = (parts > 0 ? parts : model.lora + model.lora_vision) * rules.trained_bytes;
  memory.saved = kept_by_decoder(model, rows, rules);
  if ((kind.vision || model.lora_vision > 0) && kind.encode) memory.saved += rows.vision.kept_values * d(model.value_bytes);
  if (rules.masks) memory.saved += mask_bytes(model, rows);
  const double layer = layer_temporaries(model, rows) + (rules.masks && kind.reference ? mask_bytes(model, rows) : 0);
  memory.workspace = std::max(layer, head_temporaries(model, rows, kind));
  return memory;
}

MemoryRules memory_rules(bool gpu, bool several_passes) {
  MemoryRules rules;
  rules.narrow_adapter = gpu;
  rules.masks = !gpu;
  rules.trained_bytes = several_passes ? 16 : 12;
  return rules;
}

}  // namespace rrpo::train
