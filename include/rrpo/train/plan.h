// What a step costs, from dimensions alone: FLOP, memory, disk. Pure functions; nothing is allocated.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "rrpo/data/dataset.h"
#include "rrpo/model/lvlm.h"

namespace rrpo::train {

/// The numbers of a model that its cost depends on. Per-layer counts are parameters.
struct ModelShape {
  double parameters = 0;                                   ///< all weights, without an adapter
  double vision_parameters = 0, projector_parameters = 0;  ///< of these
  int64_t layers = 0, width = 0, inner = 0, heads = 0, head_width = 0, query_width = 0, key_width = 0, vocabulary = 0;
  double lora_vision = 0;                              ///< parameters of the adapter on the eye
  double lora = 0;                                     ///< on the decoder
  double lora_last = 0;                                ///< of these, in the last layer
  double lora_last_kv = 0;                             ///< of these, on keys and values
  double lora_ranks = 0;                               ///< sum of the ranks of all adapted linears
  double lora_ranks_last = 0, lora_ranks_last_kv = 0;  ///< of these, in the last layer, and there on keys and values
  double lora_ranks_opened = 0;                        ///< of these, on gate and up
  double lora_ranks_last_opened = 0;                   ///< in the last layer
  int64_t value_bytes = 2;                             ///< of one weight or activation in the compute type

  double layer_linears() const {
    const double attention = 2.0 * static_cast<double>(width) * static_cast<double>(query_width + key_width);
    return attention + 3.0 * static_cast<double>(width) * static_cast<double>(inner);
  }
};

/// From a model with or without values. A linear that carries an adapter counts with that one's rank, one that does not with
/// `lora` where its leaf name is a target (no targets: none).
ModelShape shape_of(const model::Lvlm& lvlm, const model::LoraConfig& lora);

/// A clip in the rows of a pass: its prefix once, then for each pair that is asked about it a question and answers.
struct ClipRows {
  model::VisionCost vision;     ///< of encoding it
  double prefix = 0;            ///< system text and visual tokens
  double question = 0;          ///< per pair
  std::vector<double> answers;  ///< input rows of each answer that stands under it, per pair
  double read = 0;              ///< rows whose logits are taken, per pair
  double branches() const;      ///< question and answers, per pair
};

/// The rows of some pairs that go through the decoder together.
struct PairRows {
  ClipRows own;                       ///< one for each of `videos`, each about as many pairs
  std::optional<ClipRows> other;      ///< one for each pair
  std::optional<ClipRows> reference;  ///< one for each pair: what the reference is shown in place of `own`
  int64_t pairs = 1, videos = 1;

  /// The sum over the policy's clips of `of(clip, pairs that are asked about it)`.
  double sum(const std::function<double(const ClipRows&, double)>& of) const;
  double rows() const;
  double read() const;  ///< of all pairs
  /// What goes through the decoder when the reference is asked.
  PairRows to_reference() const;
  /// Of encoding all clips, the reference's too.
  model::VisionCost vision() const;
};

/// What a clip's pictures come to.
struct Seen {
  model::VisionCost vision;  ///< of encoding them
  int64_t rows = 0;          ///< visual tokens, and the words before them
};
using SeenOf = std::function<Seen(const data::AskedClip&)>;

/// The rows of one pair with the mean lengths of `dataset`, or with its longest ones.
PairRows mean_rows(const data::Dataset& dataset, const SeenOf& seen);
PairRows longest_rows(const data::Dataset& dataset, const SeenOf& seen);

/// What is computed, and what gets gradients.
struct StepKind {
  bool encode = true;                                       ///< the vision tower runs (visual tokens are not in a cache)
  bool reference = true;                                    ///< the reference runs in the step
  bool decoder = false, projector = false, vision = false;  ///< trained instead of an adapter
};

/// Floating-point operations; a multiplication and its addition are two.
struct Flop {
  double vision = 0, linears = 0, lora = 0, attention = 0, reference = 0, head = 0;
  double again = 0;  ///< what backward computes again instead of keeping it
  double total() const { return vision + linears + lora + attention + reference + head + again; }
};

/// How a step runs, as far as its cost depends on it.
struct MemoryRules {
  double trained_bytes = 16;  ///< per trained parameter: float32 value, gradient and two moments
  bool gpu = false;           ///< an adapter's products run in the type of the activations, and attention has no masks
  bool nf4 = false;           ///< the matrices of the layers are held in four bits, and made anew for each product
  int64_t sharing = 1;        ///< ranks that hold the matrices of the layers together, each with room for two whole layers
  model::Recompute recompute = model::Recompute::none;
  int64_t recompute_layers = -1;  ///< as in model::PassRules
};

/// Of forward and backward over all pairs of `rows`. 2 per parameter and row forward, as much again for the gradient of the
/// input (frozen linears have no other), as much again where weights are trained; attention backward is 2.5 times forward;
/// queries, output and MLP of the last layer run on read rows only.
Flop flop_of(const ModelShape& model, const PairRows& rows, const StepKind& kind, const MemoryRules& rules = {});

/// Floating-point operations of the self-check of one pair (rrpo/train/self_check.h): forward over its rows as a step packs
/// them, and over each answer behind a prompt of its own, in bfloat16 three times; once more under the reference where there
/// is one.
double self_check_flop(const ModelShape& model, const PairRows& rows, const StepKind& kind);

/// Bytes at the peak of a step.
struct Memory {
  double weights = 0, trained = 0, saved = 0, workspace = 0;
  double total() const { return weights + trained + saved + workspace; }
};

/// How this program computes. A window of one pass has no gradients yet where a pass is at its widest; with several they lie
/// beside it. Bound by tests: on a CPU to what an allocator counts, on a GPU to data/results/step_7b.json.
MemoryRules memory_rules(bool gpu, bool several_passes);

/// Of a pass over `rows`: frozen weights, trained parameters, what forward keeps for backward, and the temporaries of a
/// layer.
Memory memory_of(const ModelShape& model, const PairRows& rows, const StepKind& kind, const MemoryRules& rules = {});

/// A way to hold and to run the model, and what it takes.
struct Fit {
  MemoryRules rules;
  Memory memory;
};
/// The ways in the order in which they cost more: nothing given up; gate and up computed again; whole layers, one more at a
/// time; the same with the layers divided among the `ranks`, where there are several; then all of these in four bits, which
/// alone change numbers. An adapter must be what is trained for more than the first of the three.
std::vector<Fit> ways_to_fit(const ModelShape& model, const PairRows& rows, const StepKind& kind, const MemoryRules& rules,
                             int64_t ranks = 1);
/// The first of them that takes at most `bytes`; nothing where none does.
std::optional<Fit> first_fit(const std::vector<Fit>& ways, double bytes);

}  // namespace rrpo::train
