// The tree of tensors behind an Lvlm: an eye (model/vision.h) and a decoder. What differs between the decoders of families
// is a value here, not code.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/model/frozen.h"
#include "rrpo/model/lvlm.h"
#include "rrpo/model/vision.h"

namespace rrpo::model {

/// y = scale * B(A x), added to a linear. Undefined tensors: none.
struct Lora {
  at::Tensor a;  ///< [r, in], float32 (float64 in double)
  at::Tensor b;  ///< [out, r]
  double scale = 1;
};

/// What alpha is divided by to give `scale`: the rank, or its root.
double lora_divisor(int64_t rank, bool by_root);

struct Linear {
  Frozen weight;    ///< [out, in]
  at::Tensor bias;  ///< [out] or undefined
  Lora lora;
};

/// LayerNorm, or RMSNorm where `bias` is undefined.
struct Norm {
  at::Tensor weight, bias;
  double eps = 1e-6;
};

/// Collects what is defined, under names that are joined by dots.
class Listing {
 public:
  explicit Listing(std::vector<NamedTensor>& out) : out_(out) {}
  Part part = Part::vision;  ///< of what is added next
  bool optional = false;     ///< a checkpoint may leave it out

  void add(const std::string& name, at::Tensor& tensor);
  void add(const std::string& name, Linear& linear);
  void add(const std::string& name, Norm& norm);

 private:
  std::vector<NamedTensor>& out_;
};

struct DecoderLayer {
  Norm input_norm;
  Linear q, k, v, o;
  Norm q_norm, k_norm;  ///< over the width of a head, before the rotation; undefined: none
  Norm post_norm;
  Linear gate, up, down;
};

/// How positions on three axes share the frequencies of a head (M-RoPE).
struct RotaryAxes {
  std::vector<int64_t> sections;  ///< frequencies of time, height, width; none: the decoder has one axis
  bool interleaved = false;       ///< in turns (Qwen3-VL), not one section after the other (Qwen2.5-VL)
};

struct Decoder {
  int64_t heads = 0, kv_heads = 0, head_width = 0;
  double theta = 10000;
  RotaryAxes axes;
  at::Tensor embedding;  ///< [V, D]
  std::vector<DecoderLayer> layers;
  Norm norm;
  at::Tensor head;       ///< [V, D]; undefined where the embedding is the head
  bool may_tie = false;  ///< the configuration allows a checkpoint without a head of its own
};

struct Weights {
  std::string family;
  at::ScalarType type = at::kFloat;  ///< of activations and frozen weights
  at::Device device = at::kCPU;
  std::unique_ptr<Vision> vision;
  Decoder decoder;
  /// What the checkpoint holds several in one of: canonical name of a tensor, and the one on disk (Family::stacked).
  std::map<std::string, std::string> stacked;
  std::optional<LoraConfig> adapter;
  /// What the adapter put in the place of the base's weights, by canonical name, in the adapter's own precision.
  std::map<std::string, at::Tensor> replaced;
};

/// Calls `see(module path, linear)` for each linear of the decoder's layers, in order.
void each_decoder_linear(Weights& weights, const SeeLinear& see);
/// The same for every linear that may carry an adapter: the eye's first, then the decoder's.
void each_linear(Weights& weights, const SeeLinear& see);

}  // namespace rrpo::model
