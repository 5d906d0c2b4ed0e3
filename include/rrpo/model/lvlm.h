// A large video language model: vision tower, projector, decoder, and the passes through them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/model/packed_rows.h"
#include "rrpo/util/json_file.h"
#include "rrpo/video/tiles.h"

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
};

/// Low-rank adapter of the decoder's linears, in PEFT's terms.
struct LoraConfig {
  int64_t rank = 128;
  double alpha = 256;
  /// Leaf names of decoder linears: q_proj k_proj v_proj o_proj gate_proj up_proj down_proj.
  std::vector<std::string> targets = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
  bool by_root = false;  ///< the scale is alpha / sqrt(rank) instead of alpha / rank (PEFT's use_rslora)
};

struct Weights;  // the family-independent tree of tensors, in model/weights.h

/// The model as a value: weights and the numbers of its configuration. Move-only; forward passes are free functions.
class Lvlm {
 public:
  explicit Lvlm(std::unique_ptr<Weights> weights);
  Lvlm(Lvlm&&) noexcept;
  Lvlm& operator=(Lvlm&&) noexcept;
  ~Lvlm();

  Weights& weights() { return *weights_; }
  const Weights& weights() const { return *weights_; }

 private:
  std::unique_ptr<Weights> weights_;
};

/// Every weight but the adapter's.
std::vector<NamedTensor> tensors(Lvlm& lvlm);
/// The adapter's A and B by PEFT's keys (`base_model.model.<module path>.lora_A.weight`); empty without an adapter.
std::vector<NamedTensor> adapter_tensors(Lvlm& lvlm);

int64_t width(const Lvlm& lvlm);       ///< D, decoder width
int64_t vocabulary(const Lvlm& lvlm);  ///< V, rows of the head
int64_t image_size(const Lvlm& lvlm);  ///< S
/// Number of visual tokens of a clip of `frames` frames.
int64_t visual_token_count(const Lvlm& lvlm, int64_t frames);

/// The same of a picture of this size in tiles. Throws Error(internal) where tile_resolutions is empty.
int64_t visual_token_count(const Lvlm& lvlm, video::Resolution picture);
/// The resolutions at which the model takes stills in tiles of S x S; none where it does not.
std::vector<video::Resolution> tile_resolutions(const Lvlm& lvlm);

/// Pixels [F, 3, S, S] float32 to visual tokens [N, D] in the compute type: tower, projector, pooling, newline. With
/// `picture` they are the tiles of a still of that size (video::cut_tiles): not pooled, the first one whole, the others put
/// together again, without their black edges, shrunk if there are too many, a newline after each row.
at::Tensor encode(const Lvlm& lvlm, const at::Tensor& pixels,
                  const std::optional<video::Resolution>& picture = std::nullopt);

/// One pass of the decoder over packed rows; returns the final (normed) hidden states of the read rows, [M, D].
/// `visual[i]` are the visual tokens of video i. Differentiable in whatever requires a gradient.
at::Tensor hidden(const Lvlm& lvlm, const PackedRows& rows, const std::vector<at::Tensor>& visual);

/// The head's matrix [V, D] (the embedding itself where the head is tied); logits = hidden x head^T.
at::Tensor head(const Lvlm& lvlm);

/// While this lives, the adapter of `lvlm` is off: the reference model is the same weights in this scope.
class AdapterOff {
 public:
  explicit AdapterOff(const Lvlm& lvlm);
  AdapterOff(const AdapterOff&) = delete;
  AdapterOff& operator=(const AdapterOff&) = delete;
  ~AdapterOff();

 private:
  const Lvlm& lvlm_;
  bool before_;
};

/// Adds a fresh adapter: A uniform in +-1/sqrt(in) (PEFT's Kaiming bound with a = sqrt 5), B zero, both float32, a pure
/// function of `seed` and the tensor's name. Throws Error(usage) for a target that names no decoder linear.
void add_adapter(Lvlm& lvlm, const LoraConfig& config, uint64_t seed);
/// Reads a PEFT folder (`adapter_config.json`, `adapter_model.safetensors`) as PEFT 0.21 does: names, their last parts or a
/// regular expression as targets, exclusions, layers_to_transform, ranks and alphas by pattern, use_rslora. Every key must
/// meet a module and every targeted module its keys; settings we do not support are refused by name. Throws Error(input,
/// "adapter").
void load_adapter(Lvlm& lvlm, const std::filesystem::path& folder);
/// Writes such a folder, loadable by PEFT; `base` is written as base_model_name_or_path.
void save_adapter(const Lvlm& lvlm, const std::filesystem::path& folder, const std::string& base);
bool has_adapter(const Lvlm& lvlm);

}  // namespace rrpo::model
