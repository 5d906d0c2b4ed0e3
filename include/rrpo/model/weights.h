// The tree of tensors behind an Lvlm, the same for every family: a vision tower, a projector, a decoder. What differs
// between families is a value here, not code.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/model/lvlm.h"
#include "rrpo/video/tiles.h"

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
  at::Tensor weight;  ///< [out, in]
  at::Tensor bias;    ///< [out] or undefined
  Lora lora;
};

/// LayerNorm, or RMSNorm where `bias` is undefined.
struct Norm {
  at::Tensor weight, bias;
  double eps = 1e-6;
};

struct VisionLayer {
  Norm norm1;
  Linear q, k, v, out;
  Norm norm2;
  Linear fc1, fc2;
};

/// A pre-norm vision transformer over patches without a class token (SigLIP).
struct Tower {
  int64_t image = 0, patch = 0, heads = 0;
  at::Tensor patch_weight;  ///< [D, 3, patch, patch]
  at::Tensor patch_bias;    ///< [D]
  at::Tensor position;      ///< [grid * grid, D]
  std::vector<VisionLayer> layers;
  Norm post;  ///< carried along where the checkpoint has it; not in the path
  int64_t grid() const { return image / patch; }
};

/// How the grid of one frame's projected patches is reduced.
enum class Pool { none, bilinear, average, max };
/// Where the newline vector stands: nowhere, after the video, after each frame, after each row of a frame.
enum class Newline { none, video, frame, row };

/// How a still picture is shown in tiles (video::cut_tiles).
struct Tiles {
  std::vector<video::Resolution> offered;
  int64_t most = 0;  ///< tiles' worth of tokens that a picture may take before it is shrunk
  /// A side of the picture in patches that misses a whole number by less than rounding's error is cut, not taken for it.
  bool cuts = false;
};

struct Projector {
  Linear linear_1, linear_2;
  at::Tensor newline;  ///< [D]
  Pool pool = Pool::bilinear;
  Newline layout = Newline::video;
  std::optional<Tiles> tiles;  ///< absent: stills are shown as videos of one frame only
};

struct DecoderLayer {
  Norm input_norm;
  Linear q, k, v, o;
  Norm post_norm;
  Linear gate, up, down;
};

struct Decoder {
  int64_t heads = 0, kv_heads = 0, head_width = 0;
  double theta = 10000;
  at::Tensor embedding;  ///< [V, D]
  std::vector<DecoderLayer> layers;
  Norm norm;
  at::Tensor head;       ///< [V, D]; undefined where the embedding is the head
  bool may_tie = false;  ///< the configuration allows a checkpoint without a head of its own
  mutable bool adapter_on = true;
};

struct Weights {
  std::string family;
  at::ScalarType type = at::kFloat;  ///< of activations and frozen weights
  at::Device device = at::kCPU;
  Tower tower;
  Projector projector;
  Decoder decoder;
  std::optional<LoraConfig> adapter;
};

/// Calls `see(module path, linear)` for each linear of the decoder's layers, in order.
void each_decoder_linear(Weights& weights, const std::function<void(const std::string&, Linear&)>& see);

}  // namespace rrpo::model
