#include "rrpo/train/plan.h"

#include <algorithm>

#include "rrpo/model/weights.h"

namespace rrpo::train {

namespace {

double d(int64_t value) { return static_cast<double>(value); }

double elements(const at::Tensor& tensor) { return tensor.defined() ? d(tensor.numel()) : 0; }

std::string leaf(const std::string& name) { return name.substr(name.rfind('.') + 1); }

void add_lora(ModelShape& shape, const model::Lvlm& lvlm, const model::LoraConfig& lora) {
  const std::string last = ".layers." + std::to_string(shape.layers - 1) + ".";
  model::each_decoder_linear(const_cast<model::Lvlm&>(lvlm).weights(), [&](const std::string& name, model::Linear& linear) {
    const bool target = std::find(lora.targets.begin(), lora.targets.end(), leaf(name)) != lora.targets.end();
    const int64_t rank = linear.lora.a.defined() ? linear.lora.a.size(0) : target ? lora.rank : 0;
    const double parameters = d(rank) * d(linear.weight.size(0) + linear.weight.size(1));
    shape.lora += parameters;
    shape.lora_ranks += d(rank);
    if (name.find(last) == std::string::npos) return;
    shape.lora_last += parameters;
    if (leaf(name) == "k_proj" || leaf(name) == "v_proj") shape.lora_last_kv += parameters;
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

double forward_vision(const ModelShape& model, int64_t frames) {
  const double w = d(model.vision_width), n = d(model.patches), width = d(model.width);
  const double layer = 4 * w * w + 2 * w * d(model.vision_inner);
  const double tower =
      2 * n * (d(model.patch_inputs) * w + d(model.vision_layers) * layer) + 4 * d(model.vision_layers) * n * n * w;
  return d(frames) * (tower + 2 * n * (w * width + width * width));
}

/// Bytes that one row of one layer keeps for backward.
double kept_per_row(const ModelShape& model, bool recompute) {
  double values = 2 * d(model.width) + 2 * d(model.query_width + model.key_width) + 2 * d(model.inner);
  double wide = d(model.heads);  // log-sum-exp, float32
  if (!recompute) {
    values += 2 * d(model.width) + d(model.inner);            // normed rows, silu(gate) * up
    if (model.value_bytes < 4) wide += d(model.query_width);  // the attention's output before it is rounded
  }
  return values * d(model.value_bytes) + 4 * wide;
}

double kept_by_vision(const ModelShape& model, int64_t frames) {
  const double values = 7 * d(model.vision_width) + 2 * d(model.vision_inner);
  return d(frames) * d(model.patches) * d(model.vision_layers) * values * d(model.value_bytes);
}

double length(const std::vector<int64_t>& ids) { return d(static_cast<int64_t>(ids.size())); }

/// The last id of an answer is predicted, never read.
double input_rows(const text::AnswerIds& answer) { return std::max(0.0, length(answer.ids) - 1); }

PairRows rows_of(const data::Dataset& dataset, const data::Sample& sample, int64_t visual, int64_t frames) {
  PairRows rows;
  rows.frames = frames;
  rows.prefix = d(visual) + length(dataset.before);
  rows.question = length(sample.question);
  rows.chosen = input_rows(sample.chosen);
  rows.rejected = input_rows(sample.rejected);
  rows.read = length(sample.chosen.ids) + length(sample.rejected.ids);
  return rows;
}

}  // namespace

PairRows mean_rows(const data::Dataset& dataset, int64_t visual, int64_t frames) {
  PairRows sum, mean;
  for (const data::Sample& sample : dataset.samples) {
    const PairRows one = rows_of(dataset, sample, visual, frames);
    sum.question += one.question;
    sum.chosen += one.chosen;
    sum.rejected += one.rejected;
    sum.read += one.read;
  }
  const double count = std::max(1.0, d(dataset.rows()));
  mean.frames = frames;
  mean.prefix = d(visual) + length(dataset.before);
  mean.question = sum.question / count;
  mean.chosen = sum.chosen / count;
  mean.rejected = sum.rejected / count;
  mean.read = sum.read / count;
  return mean;
}

PairRows longest_rows(const data::Dataset& dataset, int64_t visual, int64_t frames) {
  PairRows longest;
  for (const data::Sample& sample : dataset.samples) {
    const PairRows one = rows_of(dataset, sample, visual, frames);
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
  const model::Tower& tower = weights.tower;
  shape.vision_layers = static_cast<int64_t>(tower.layers.size());
  shape.vision_width = tower.patch_weight.size(0);
  shape.vision_inner = tower.layers.empty() ? 0 : tower.layers[0].fc1.weight.size(0);
  shape.patches = tower.grid() * tower.grid();
  shape.patch_inputs = 3 * tower.patch * tower.patch;
  const model::Decoder& decoder = weights.decoder;
  shape.layers = static_cast<int64_t>(decoder.layers.size());
  shape.width = model::width(lvlm);
  shape.inner = decoder.layers[0].up.weight.size(0);
  shape.heads = decoder.heads;
  shape.query_width = decoder.heads * decoder.head_width;
  shape.key_width = decoder.kv_heads * decoder.head_width;
  shape.vocabulary = model::vocabulary(lvlm);
  shape.value_bytes = static_cast<int64_t>(c10::elementSize(weights.type));
  add_lora(shape, lvlm, lora);
  return shape;
}

Flop flop_of(const ModelShape& model, const PairRows& rows, const StepKind& kind) {
  const bool through = kind.decoder || kind.projector || kind.vision || model.lora > 0;  // gradients pass the decoder
  const double linears = forward_linears(model, rows), attention = forward_attention(model, rows);
  const double logits = 2 * d(model.vocabulary) * d(model.width) * rows.read * d(rows.pairs);
  Flop flop;
  const double vision_units = kind.vision ? 3 : 1;
  if (kind.encode) flop.vision = vision_units * forward_vision(model, rows.frames);
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
  const double value = d(model.value_bytes), wide = rules.wide_adapter && value < 4 ? 8 : 0;
  const double logits = 4 * rows.read * d(rows.pairs) * d(model.vocabulary);
  const double chunk = 3 * std::min(logits, 64.0 * (1 << 20));  // taken in chunks of rows (loss/token_stats)
  Memory memory;
  memory.weights = (model.parameters - parts) * value;
  memory.trained = (parts > 0 ? parts : model.lora) * rules.trained_bytes;
  memory.saved = rows.rows() * (d(model.layers) * kept_per_row(model, rules.recompute_elementwise) +
                                model.lora_ranks * (rules.recompute_elementwise ? value : std::max(4.0, value)));
  if (kind.vision && kind.encode) memory.saved += kept_by_vision(model, rows.frames);
  memory.workspace = rows.rows() * d(model.inner) * (3 * value + wide) + chunk;
  return memory;
}

}  // namespace rrpo::train
