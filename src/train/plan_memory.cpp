// The memory of a step, and what can be given up for less of it.
#include <algorithm>

#include "rrpo/train/plan.h"

namespace rrpo::train {

namespace {

/// Of a number in four bits, and its part of a float32 for 64 of them.
constexpr double kNf4Bytes = 0.5 + 4.0 / 64;

double d(int64_t value) { return static_cast<double>(value); }

/// Bytes of a number that is float32 or better.
double wide_bytes(const ModelShape& model) { return std::max<double>(4, d(model.value_bytes)); }

/// Ranks of the adapters of one layer, by when their inner rows are made.
struct Ranks {
  double keys = 0;    ///< keys and values
  double opened = 0;  ///< gate and up
  double others = 0;
};
Ranks last_ranks(const ModelShape& model) {
  const double others = model.lora_ranks_last - model.lora_ranks_last_kv - model.lora_ranks_last_opened;
  return {model.lora_ranks_last_kv, model.lora_ranks_last_opened, others};
}
/// Of a layer before the last, on the average. Which of them are of keys and values makes no difference there.
Ranks inside_ranks(const ModelShape& model) {
  const double layers = std::max<double>(1, d(model.layers - 1));
  const double opened = (model.lora_ranks_opened - model.lora_ranks_last_opened) / layers;
  return {0, opened, (model.lora_ranks - model.lora_ranks_last) / layers - opened};
}

/// Bytes that one layer keeps for backward, per row, and per row that goes on behind keys and values.
struct Kept {
  double row = 0, on = 0;
};
Kept kept_by(const ModelShape& model, const Ranks& ranks, const StepKind& kind, const MemoryRules& rules,
             model::Recompute again) {
  const double value = d(model.value_bytes), wide = wide_bytes(model), width = d(model.width), inner = d(model.inner);
  const double rank = rules.gpu ? value : wide;  // bytes of a row between A and B, per rank
  if (again == model::Recompute::layer) return {width * value, 0};
  // The row, keys and values, the scale of its norm; queries and what they found, with a log-sum-exp of each head; the row
  // between the halves and the scale of its norm; gate and up.
  Kept kept{(width + 2 * d(model.key_width)) * value + wide + ranks.keys * rank,
            (2 * d(model.query_width) + width) * value + wide * (d(model.heads) + 1) + ranks.others * rank};
  if (again == model::Recompute::none) kept.on += 2 * inner * value + ranks.opened * rank;
  if (kind.decoder) {  // the parts run one by one, and each keeps what it reads: what the norms and the gate make too
    kept.row += width * value;
    kept.on += (width + inner) * value;
  }
  return kept;
}

/// How many of the first layers are run again; all of them: the last one too.
int64_t layers_again(const ModelShape& model, const MemoryRules& rules) {
  if (rules.recompute == model::Recompute::none) return 0;
  return rules.recompute_layers < 0 ? model.layers : std::min(rules.recompute_layers, model.layers);
}

Kept kept_by_last(const ModelShape& model, const StepKind& kind, const MemoryRules& rules) {
  const bool again = layers_again(model, rules) == model.layers;
  return kept_by(model, last_ranks(model), kind, rules, again ? rules.recompute : model::Recompute::none);
}

double kept_by_decoder(const ModelShape& model, const PairRows& rows, const StepKind& kind, const MemoryRules& rules) {
  const double all = rows.rows(), read = rows.read(), wide = wide_bytes(model);
  const int64_t again = layers_again(model, rules);
  const auto inside = [&](model::Recompute how) {
    const Kept kept = kept_by(model, inside_ranks(model), kind, rules, how);
    return all * (kept.row + kept.on);
  };
  const int64_t inside_again = std::min(again, model.layers - 1), inside_kept = model.layers - 1 - inside_again;
  const Kept last = kept_by_last(model, kind, rules);
  const double angles = d(model.head_width) * d(model.value_bytes);
  return d(inside_again) * inside(rules.recompute) + d(inside_kept) * inside(model::Recompute::none) +
         all * (last.row + angles) + read * (last.on + d(model.width) * d(model.value_bytes) + wide + angles);
}

/// What backward makes again of one layer, if that comes on top of all that is kept: behind a layer that kept everything,
/// its room is free by then.
double made_again(const ModelShape& model, const PairRows& rows, const StepKind& kind, const MemoryRules& rules) {
  if (layers_again(model, rules) < model.layers - 1) return 0;
  const Kept whole = kept_by(model, inside_ranks(model), kind, rules, model::Recompute::none);
  const Kept less = kept_by(model, inside_ranks(model), kind, rules, rules.recompute);
  return rows.rows() * (whole.row + whole.on - less.row - less.on);
}

/// Scores of the masks over all clips that have one: clips of like size share a mask of the larger one's sides, where that
/// wastes little (model/attention/batches.cpp).
double video_masks(const PairRows& rows) {
  constexpr double kLong = 512;  // of a longer segment the rows look at each other without a mask (model/attention/plan.cpp)
  double sum = 0, wide = 0, tall = 0, count = 0;
  const auto add = [&](const ClipRows& clip, double clips, double asked) {
    if (clip.prefix > kLong) return;
    const double below = clip.prefix + asked * clip.branches();
    sum += clips * below * clip.prefix;
    wide = std::max(wide, clip.prefix);
    tall = std::max(tall, below);
    count += clips;
  };
  add(rows.own, d(rows.videos), d(rows.pairs) / d(rows.videos));
  if (rows.other) add(*rows.other, d(rows.pairs), 1);
  const double padded = count * wide * tall;
  return padded - sum <= sum / 3 + 16384 ? padded : sum;
}

/// Bytes of the masks of a pass on a CPU in a narrow type, float32: every query of a segment and below it over that
/// segment's rows; the last layer has one of its own, for the read rows. In float32 and float64 it attends in tiles, without
/// masks.
double mask_bytes(const ModelShape& model, const PairRows& rows, const MemoryRules& rules) {
  if (rules.gpu || model.value_bytes >= 4) return 0;
  return wide_bytes(model) * (video_masks(rows) + rows.sum([](const ClipRows& clip, double asked) {
           double own = 0;
           for (const double answer : clip.answers) own += answer * answer;
           const double last = own;  // its rows see all of the video and the question
           return asked * (clip.branches() * clip.question + own + last);
         }));
}

/// Temporaries of a layer of the reference, which runs when all is kept, at its widest, the end of the MLP: gate, up and
/// product; the layer's input, the row between its halves, what comes of the MLP; the visual tokens. With clips of its own,
/// on a CPU, its masks.
double forward_temporaries(const ModelShape& model, const PairRows& rows, const MemoryRules& rules) {
  const double width = d(model.width), own_clips = rows.reference ? d(rows.pairs) * rows.reference->prefix : 0;
  const double prefixes = own_clips + rows.sum([](const ClipRows& clip, double) { return clip.prefix; });
  const PairRows shown = rows.to_reference();
  const double masks = rows.reference ? mask_bytes(model, shown, rules) : 0;
  return (shown.rows() * (3 * d(model.inner) + 3 * width) + prefixes * width) * d(model.value_bytes) + masks;
}

/// Temporaries of the backward pass of a layer but the last, whose room is free by then: gradients of gate, up and product,
/// those of the rows, the visual tokens, and what is made again. In a narrow type norms are float32, on a CPU the adapters'
/// products too.
double backward_temporaries(const ModelShape& model, const PairRows& rows, const StepKind& kind, const MemoryRules& rules) {
  const double value = d(model.value_bytes), width = d(model.width), inner = d(model.inner);
  const double wide = value < 4 ? 4 * (2 * width + (rules.gpu ? 0 : inner)) : 0;
  const Kept last = kept_by_last(model, kind, rules);
  const double visual = rows.sum([](const ClipRows& clip, double) { return clip.prefix; }) * width * value;
  const double all = rows.rows() * ((3 * inner + 3.5 * width) * value + wide - last.row);
  return visual + all + made_again(model, rows, kind, rules) - rows.read() * last.on;
}

/// The largest matrix of a layer as it is made of four bits; on a GPU with what a chunk of 2^25 numbers is made by.
double dequantised_bytes(const ModelShape& model, const MemoryRules& rules) {
  if (!rules.nf4) return 0;
  const double count = d(model.width) * std::max(d(model.inner), d(model.query_width));
  return count * d(model.value_bytes) + (rules.gpu ? 6 * std::min(count, 33554432.0) : 0);
}

/// Of the loss: logits of the read rows of both models and of their gradient, all of them or a chunk at a time, as
/// loss/token_function.h has it; where the compute type is narrow, on a CPU the head in float32.
double head_temporaries(const ModelShape& model, const PairRows& rows, const StepKind& kind, const MemoryRules& rules) {
  constexpr double kKept = 1 << 25, kChunk = 1 << 24;
  const double values = rows.read() * d(model.vocabulary), wide = wide_bytes(model);
  const double chunk = values <= kKept ? values : kChunk;
  const bool operators = rules.gpu || model.value_bytes > 4;
  const double logits = wide * chunk * (kind.reference ? (operators ? 4 : 3) : 2);
  const bool cast = !rules.gpu && model.value_bytes < 4;
  return logits + (cast ? wide * d(model.vocabulary) * d(model.width) : 0) + (rules.gpu ? wide * chunk / 2 : 0);
}

/// Of the matrices of all layers in four bits, or of what a rank holds of them and the room for two layers.
double held_bytes(const ModelShape& model, const MemoryRules& rules, double matrices) {
  const double all = matrices * (rules.nf4 ? kNf4Bytes : d(model.value_bytes));
  return rules.sharing > 1 ? all / d(rules.sharing) + 2 * all / d(model.layers) : all;
}

}  // namespace

Memory memory_of(const ModelShape& model, const PairRows& rows, const StepKind& kind, const MemoryRules& rules) {
  const double text = model.parameters - model.vision_parameters - model.projector_parameters;
  const double parts = (kind.decoder ? text : 0) + (kind.vision ? model.vision_parameters : 0) +
                       (kind.projector ? model.projector_parameters : 0);
  const double matrices = rules.nf4 || rules.sharing > 1 ? d(model.layers) * model.layer_linears() : 0;
  Memory memory;
  memory.weights = (model.parameters - parts - matrices) * d(model.value_bytes) + held_bytes(model, rules, matrices);
  memory.trained = (parts > 0 ? parts : model.lora + model.lora_vision) * rules.trained_bytes;
  memory.saved = kept_by_decoder(model, rows, kind, rules);
  if ((kind.vision || model.lora_vision > 0) && kind.encode)
    memory.saved += rows.vision().kept_values * d(model.value_bytes);
  memory.saved += mask_bytes(model, rows, rules);
  const double backward = backward_temporaries(model, rows, kind, rules), matrix = dequantised_bytes(model, rules);
  // Where backward is at its widest no matrix is there: one of the products is not yet or no longer when it is.
  const double product = rows.rows() * d(model.inner) * d(model.value_bytes);
  memory.workspace = std::max({forward_temporaries(model, rows, rules) + matrix, backward, backward - product + matrix,
                               head_temporaries(model, rows, kind, rules)});
  return memory;
}

MemoryRules memory_rules(bool gpu, bool several_passes) {
  return {.trained_bytes = several_passes ? 16.0 : 12.0, .gpu = gpu};
}

std::vector<Fit> ways_to_fit(const ModelShape& model, const PairRows& rows, const StepKind& kind, const MemoryRules& rules,
                             int64_t ranks) {
  std::vector<Fit> ways;
  MemoryRules own = rules;
  const auto add = [&](model::Recompute recompute, int64_t layers) {
    own.recompute = recompute;
    own.recompute_layers = layers;
    ways.push_back({own, memory_of(model, rows, kind, own)});
  };
  const auto add_all = [&](bool nf4, int64_t sharing) {
    own.nf4 = nf4;
    own.sharing = sharing;
    add(model::Recompute::none, -1);
    add(model::Recompute::mlp, -1);
    for (int64_t layers = 1; layers < model.layers; ++layers) add(model::Recompute::layer, layers);
    add(model::Recompute::layer, -1);
  };
  add_all(/*nf4=*/false, 1);
  if (kind.decoder || kind.projector || kind.vision) return ways;
  if (ranks > 1) add_all(/*nf4=*/false, ranks);
  add_all(/*nf4=*/true, 1);
  if (ranks > 1) add_all(/*nf4=*/true, ranks);
  return ways;
}

std::optional<Fit> first_fit(const std::vector<Fit>& ways, double bytes) {
  for (const Fit& way : ways) {
    if (way.memory.total() <= bytes) return way;
  }
  return std::nullopt;
}

}  // namespace rrpo::train
