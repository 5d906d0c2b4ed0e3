// A large video language model: an eye, a decoder, and the passes through them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rrpo/model/packed_rows.h"
#include "rrpo/model/vision.h"
#include "rrpo/util/json_file.h"

namespace rrpo::model {

/// What a weight belongs to; `train.trainable` names these.
enum class Part { vision, projector, decoder };

/// One weight: its canonical name (transformers' module path, `model.language_model.layers.0.self_attn.q_proj.weight`), the
/// tensor itself, and the part. The same list loads, checks, saves, names the parameters and counts memory.
struct NamedTensor {
  std::string name;
  at::Tensor* tensor = nullptr;
  std::vector<int64_t> shape;
  Part part = Part::decoder;
  bool optional = false;  ///< a checkpoint may leave it out, with the others of its module
};

/// Low-rank adapter of linears, in PEFT's terms.
struct LoraConfig {
  int64_t rank = 128;
  double alpha = 256;
  /// Which linears: last parts of decoder linears' names (q_proj k_proj v_proj o_proj gate_proj up_proj down_proj), and
  /// what targeted_modules() says.
  std::vector<std::string> targets = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  bool by_root = false;  ///< the scale is alpha / sqrt(rank) instead of alpha / rank (PEFT's use_rslora)
  std::vector<std::string> saved_modules = {};  ///< whose weights it replaces (modules_to_save); none in a new adapter
};

struct Weights;  // the tree of tensors, in model/weights.h

/// The model as a value: weights and the numbers of its configuration. Move-only; forward passes are free functions.
class Lvlm {
 public:
  explicit Lvlm(std::unique_ptr<Weights> weights);
  Lvlm(Lvlm&&) noexcept;
  Lvlm& operator=(Lvlm&&) noexcept;
  ~Lvlm();

  Weights& weights() { return *weights_; }
  const Weights& weights() const { return *weights_; }
  const Vision& vision() const;

 private:
  std::unique_ptr<Weights> weights_;
};

/// Every weight but the adapter's.
std::vector<NamedTensor> tensors(Lvlm& lvlm);
/// The adapter's A and B by PEFT's keys (`base_model.model.<module path>.lora_A.weight`); empty without an adapter.
std::vector<NamedTensor> adapter_tensors(Lvlm& lvlm);

int64_t width(const Lvlm& lvlm);       ///< D, decoder width
int64_t vocabulary(const Lvlm& lvlm);  ///< V, rows of the head

/// A clip to visual tokens in the compute type. `question` are the ids that the eye reads, where it does.
VisualTokens encode(const Lvlm& lvlm, const ClipInput& clip, Adapter adapter = Adapter::on,
                    const std::vector<int64_t>& question = {});

/// What of a layer is computed again in backward instead of kept: nothing, gate and up, or all but its input.
enum class Recompute { none, mlp, layer };

/// How a pass runs through the decoder.
struct PassRules {
  Adapter adapter = Adapter::on;
  Recompute recompute = Recompute::none;
  int64_t recompute_layers = -1;  ///< in so many layers, the first ones; -1: in all
};

struct RowsPlan;
/// What all passes over the same rows share: who attends to whom, the angles of the positions, which rows are read. Rows
/// that are alike (the beginning that two answers have in common) are computed once.
std::shared_ptr<const RowsPlan> plan_rows(const Lvlm& lvlm, const PackedRows& rows);

/// One pass of the decoder over planned rows; returns the final (normed) hidden states of the read rows, [M, D].
/// `visual[i]` are the visual tokens of video i. Differentiable in whatever requires a gradient.
at::Tensor hidden(const Lvlm& lvlm, const RowsPlan& plan, const std::vector<VisualTokens>& visual,
                  const PassRules& rules = {});
/// The same for rows of one pass.
at::Tensor hidden(const Lvlm& lvlm, const PackedRows& rows, const std::vector<VisualTokens>& visual,
                  Adapter adapter = Adapter::on);

/// The head's matrix [V, D] (the embedding itself where the head is tied); logits = hidden x head^T.
at::Tensor head(const Lvlm& lvlm);

/// Adds a fresh adapter: A uniform in +-1/sqrt(in) (PEFT's Kaiming bound with a = sqrt 5), B zero, both float32, a pure
/// function of `seed` and the tensor's name. Throws Error(usage) for a target that names no linear.
void add_adapter(Lvlm& lvlm, const LoraConfig& config, uint64_t seed);
/// Module paths of the linears that `targets` names, in order. A target is `all-linear`; or the last part of a name, which
/// means linears of the decoder where one is called so, else of the eye; or, with a dot, the last parts of a path, as PEFT
/// has it. `vision:`, `projector:` or `decoder:` in front of any of them narrows it to that part of the model.
std::vector<std::string> targeted_modules(const Lvlm& lvlm, const std::vector<std::string>& targets);
/// Reads a PEFT folder (`adapter_config.json`, `adapter_model.safetensors`) as PEFT 0.21 does: names, their last parts or a
/// regular expression as targets (over all linears of eye and decoder), exclusions, layers_to_transform, ranks and alphas by
/// pattern, use_rslora. Every key must meet a module and every targeted module its keys; whole modules of the projector
/// (modules_to_save) take the place of the base's; settings we do not support are refused by name. Throws Error(input,
/// "adapter").
void load_adapter(Lvlm& lvlm, const std::filesystem::path& folder);
/// Writes such a folder, loadable by PEFT; `base` is written as base_model_name_or_path.
void save_adapter(const Lvlm& lvlm, const std::filesystem::path& folder, const std::string& base);
bool has_adapter(const Lvlm& lvlm);
/// True where the adapter brought whole modules of its own: the reference, which is the model without it, is not there.
bool replaces_weights(const Lvlm& lvlm);
/// True where the adapter sits on the eye too: policy and reference then see other tokens.
bool adapts_vision(const Lvlm& lvlm);

}  // namespace rrpo::model
