#include "rrpo/train/plan.h"

#include <algorithm>
#include <numeric>

#include "rrpo/model/weights.h"

namespace rrpo::train {

namespace {

double d(int64_t value) { return static_cast<double>(value); }

double elements(const std::vector<int64_t>& shape) {
  double count = 1;
  for (const int64_t side : shape) count *= d(side);
  return count;
}

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
    const bool opened = leaf(name) == "gate_proj" || leaf(name) == "up_proj";
    if (opened) shape.lora_ranks_opened += d(rank);
    if (name.find(last) == std::string::npos) return;
    const bool is_key_or_value = leaf(name) == "k_proj" || leaf(name) == "v_proj";
    shape.lora_last += parameters;
    shape.lora_ranks_last += d(rank);
    if (opened) shape.lora_ranks_last_opened += d(rank);
    if (!is_key_or_value) return;
    shape.lora_last_kv += parameters;
    shape.lora_ranks_last_kv += d(rank);
  });
}

/// Pairs of query and key, one layer: a causal triangle over the video, and each branch over all before it.
double attention_pairs(const PairRows& rows) {
  return rows.sum([](const ClipRows& clip, double asked) {
    double branches = clip.question * clip.prefix + clip.question * clip.question / 2;
    for (const double answer : clip.answers) branches += answer * (clip.prefix + clip.question) + answer * answer / 2;
    return clip.prefix * clip.prefix / 2 + asked * branches;
  });
}

/// A number per layer and row for all rows, and in the last layer for read rows but for keys and values.
double over_layers(const PairRows& rows, double all, double last, double last_kv) {
  return (all - last) * rows.rows() + last_kv * rows.rows() + (last - last_kv) * rows.read();
}

double forward_linears(const ModelShape& model, const PairRows& rows) {
  const double layer = model.layer_linears(), kv = 2.0 * d(model.width) * d(model.key_width);
  return 2 * over_layers(rows, d(model.layers) * layer, layer, kv);
}

double forward_attention(const ModelShape& model, const PairRows& rows) {
  const double read =
      rows.sum([](const ClipRows& clip, double asked) { return asked * clip.read * (clip.prefix + clip.question); });
  return 4.0 * d(model.query_width) * (d(model.layers - 1) * attention_pairs(rows) + read);
}

/// What is run again in backward, of layers that all together take `layers` forward: whole ones, or gate and up of each.
double again(const ModelShape& model, const PairRows& rows, const MemoryRules& rules, double layers) {
  if (rules.recompute == model::Recompute::none) return 0;
  const double all = d(model.layers), some = rules.recompute_layers < 0 ? all : std::min(d(rules.recompute_layers), all);
  if (rules.recompute == model::Recompute::layer) return layers * some / all;
  return some * 4 * d(model.width) * d(model.inner) * rows.rows();
}

double length(const std::vector<int64_t>& ids) { return d(static_cast<int64_t>(ids.size())); }

/// The last id of an answer is predicted, never read.
double input_rows(const text::AnswerIds& answer) { return std::max(0.0, length(answer.ids) - 1); }

/// A clip of a sample with the answers of the roles that show it, to the policy or to the reference.
ClipRows clip_rows(const data::Sample& sample, const data::AskedClip& asked, const std::vector<Role>& roles,
                   bool to_reference, const SeenOf& seen_of) {
  const Seen seen = seen_of(asked);
  ClipRows clip{.vision = seen.vision, .prefix = d(seen.rows), .question = length(asked.question), .answers = {}};
  for (const Role role : roles) {
    if (&data::clip_of(sample, role, to_reference) != &asked) continue;
    const text::AnswerIds& answer = data::answer_of(sample, role);
    clip.answers.push_back(input_rows(answer));
    clip.read += length(answer.ids);
  }
  return clip;
}

PairRows rows_of(const data::Dataset& dataset, const data::Sample& sample, const SeenOf& seen_of) {
  const auto rows_under = [&](const data::AskedClip& asked, bool to_reference) {
    return clip_rows(sample, asked, dataset.roles, to_reference, seen_of);
  };
  PairRows rows{.own = rows_under(sample.own, /*to_reference=*/false), .other = {}, .reference = {}};
  if (sample.other) rows.other = rows_under(*sample.other, /*to_reference=*/false);
  if (sample.reference) rows.reference = rows_under(*sample.reference, /*to_reference=*/true);
  return rows;
}

void add(ClipRows& sum, const ClipRows& one, double share) {
  sum.vision.flop += share * one.vision.flop;
  sum.vision.kept_values += share * one.vision.kept_values;
  sum.prefix += share * one.prefix;
  sum.question += share * one.question;
  sum.read += share * one.read;
  sum.answers.resize(one.answers.size());
  for (size_t i = 0; i < one.answers.size(); ++i) sum.answers[i] += share * one.answers[i];
}

void add(std::optional<ClipRows>& sum, const std::optional<ClipRows>& one, double share) {
  if (!one) return;
  if (!sum) sum.emplace();
  add(*sum, *one, share);
}

}  // namespace

double ClipRows::branches() const { return std::accumulate(answers.begin(), answers.end(), question); }

double PairRows::sum(const std::function<double(const ClipRows&, double)>& of) const {
  const double own_clips = d(videos) * of(own, d(pairs) / d(videos));
  return own_clips + (other ? d(pairs) * of(*other, 1) : 0);
}

double PairRows::rows() const {
  return sum([](const ClipRows& clip, double asked) { return clip.prefix + asked * clip.branches(); });
}

double PairRows::read() const {
  return sum([](const ClipRows& clip, double asked) { return asked * clip.read; });
}

PairRows PairRows::to_reference() const {
  if (!reference) return *this;
  return {.own = *reference, .other = other, .reference = {}, .pairs = pairs, .videos = pairs};
}

model::VisionCost PairRows::vision() const {
  model::VisionCost all;
  all.flop = sum([](const ClipRows& clip, double) { return clip.vision.flop; });
  all.kept_values = sum([](const ClipRows& clip, double) { return clip.vision.kept_values; });
  if (!reference) return all;
  all.flop += d(pairs) * reference->vision.flop;
  all.kept_values += d(pairs) * reference->vision.kept_values;
  return all;
}

PairRows mean_rows(const data::Dataset& dataset, const SeenOf& seen) {
  PairRows mean;
  const double share = 1 / std::max(1.0, d(dataset.rows()));
  for (const data::Sample& sample : dataset.samples) {
    const PairRows one = rows_of(dataset, sample, seen);
    add(mean.own, one.own, share);
    add(mean.other, one.other, share);
    add(mean.reference, one.reference, share);
  }
  return mean;
}

PairRows longest_rows(const data::Dataset& dataset, const SeenOf& seen) {
  PairRows longest;
  for (const data::Sample& sample : dataset.samples) {
    const PairRows one = rows_of(dataset, sample, seen);
    if (one.rows() > longest.rows()) longest = one;
  }
  return longest;
}

ModelShape shape_of(const model::Lvlm& lvlm, const model::LoraConfig& lora) {
  const model::Weights& weights = lvlm.weights();
  ModelShape shape;
  for (const model::NamedTensor& tensor : model::tensors(const_cast<model::Lvlm&>(lvlm))) {
    const double count = elements(tensor.shape);
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

Flop flop_of(const ModelShape& model, const PairRows& rows, const StepKind& kind, const MemoryRules& rules) {
  const bool through =
      kind.decoder || kind.projector || kind.vision || model.lora + model.lora_vision > 0;  // gradients pass the decoder
  const double linears = forward_linears(model, rows), attention = forward_attention(model, rows);
  const double logits = 2 * d(model.vocabulary) * d(model.width) * rows.read();
  const PairRows to_reference = rows.to_reference();
  Flop flop;
  // With an adapter on the eye the reference sees tokens of its own.
  const double vision_units = kind.vision ? 3 : model.lora_vision > 0 ? (kind.reference ? 3 : 2) : 1;
  if (kind.encode) flop.vision = vision_units * rows.vision().flop;
  flop.linears = linears * (1 + (through ? 1 : 0) + (kind.decoder ? 1 : 0));
  flop.attention = attention * (through ? 3.5 : 1);
  flop.lora = 6 * over_layers(rows, model.lora, model.lora_last, model.lora_last_kv);
  if (kind.reference) flop.reference = forward_linears(model, to_reference) + forward_attention(model, to_reference);
  flop.again = again(model, rows, rules, linears + attention + flop.lora / 3);
  flop.head = logits * ((through ? 2 : 1) + (kind.decoder ? 1 : 0) + (kind.reference ? 1 : 0));
  return flop;
}

namespace {

/// One answer about a clip as a pass of its own.
PairRows alone(const ClipRows& clip, double answer) {
  ClipRows own{.vision = {}, .prefix = clip.prefix, .question = clip.question, .answers = {answer}, .read = answer + 1};
  return {.own = std::move(own), .other = {}, .reference = {}};
}

}  // namespace

double self_check_flop(const ModelShape& model, const PairRows& rows, const StepKind& kind) {
  const auto forward = [&](const PairRows& one, bool adapted) {
    const double head = 2 * d(model.vocabulary) * d(model.width) * one.read();
    const double adapter = 2 * over_layers(one, model.lora, model.lora_last, model.lora_last_kv);
    return forward_linears(model, one) + forward_attention(model, one) + head + (adapted ? adapter : 0);
  };
  const double plain = model.value_bytes == 2 ? 3 : 1;  // alone, and twice beside a copy
  const auto compared = [&](const PairRows& shared, bool adapted) {
    double flop = forward(shared, adapted);
    for (const ClipRows* clip : {&shared.own, shared.other ? &*shared.other : nullptr}) {
      for (const double answer : clip == nullptr ? std::vector<double>() : clip->answers)
        flop += plain * forward(alone(*clip, answer), adapted);
    }
    return flop;
  };
  PairRows shared = rows;
  shared.pairs = shared.videos = 1;
  const double encoded = model.lora_vision > 0 && kind.reference ? 2 : 1;
  return encoded * shared.vision().flop + compared(shared, true) +
         (kind.reference ? compared(shared.to_reference(), false) : 0);
}

}  // namespace rrpo::train
