// The parts that tower, projector and decoder share. Weights of another type than the activations (trained ones, in float32)
// are cast here, so that their gradients arrive in their own type.
#pragma once

#include <ATen/core/Tensor.h>

#include "rrpo/model/weights.h"

namespace rrpo::model {

/// x [.., in] -> [.., out]; `adapter` adds the linear's Lora, computed in the type of A as PEFT does.
at::Tensor linear(const at::Tensor& x, const Linear& layer, bool adapter = false);
/// LayerNorm over the last dimension.
at::Tensor layer_norm(const at::Tensor& x, const Norm& norm);

/// Pixels [F, 3, S, S] to patch features [F, grid^2, D].
at::Tensor run_tower(const Tower& tower, const at::Tensor& pixels);
/// Patch features [F, grid^2, Dv] of one video to visual tokens [N, D].
at::Tensor run_projector(const Projector& projector, const at::Tensor& features);
/// N of the line above.
int64_t projected_tokens(const Projector& projector, int64_t grid, int64_t frames);

/// Where the tokens of a picture's tiles lie: in the map of all tiles put together, and the map that is made of them.
struct TileMap {
  int64_t rows = 0, columns = 0;                     ///< of tiles
  int64_t top = 0, left = 0, height = 0, width = 0;  ///< the part that shows the picture
  int64_t final_height = 0, final_width = 0;         ///< after shrinking
};
TileMap map_tiles(const Tiles& tiles, int64_t grid, int64_t side, video::Resolution picture);
/// Patch features [1 + n, grid^2, Dv] of a picture's tiles of `side` pixels to visual tokens [N, D].
at::Tensor run_tiles(const Projector& projector, const at::Tensor& features, int64_t side, video::Resolution picture);

/// Pooling and newlines alone: x [F, grid^2, D] to [N, D].
at::Tensor pool_and_lay(const at::Tensor& x, const at::Tensor& newline, Pool pool, Newline layout);

/// cos and sin [T, 1, d/2] of the rotary positions: angles, cosines and sines in float32 whatever
/// `type` is, as in transformers, then cast to `type`.
struct Rotary {
  at::Tensor cos, sin;
};
Rotary rotary(const Decoder& decoder, const at::Tensor& positions, at::ScalarType type);

/// Queries [n, H, d] of normed rows; keys and values [n, Hkv, d].
at::Tensor queries(const Decoder& decoder, const DecoderLayer& layer, const at::Tensor& x, const Rotary& angles);
struct KeysAndValues {
  at::Tensor k, v;
};
KeysAndValues keys_values(const Decoder& decoder, const DecoderLayer& layer, const at::Tensor& x, const Rotary& angles);
/// x + o(attention), then + MLP.
at::Tensor finish_layer(const Decoder& decoder, const DecoderLayer& layer, const at::Tensor& x, const at::Tensor& attention);
/// Token embeddings in the model's type. Throws Error(internal) for an id outside the vocabulary.
at::Tensor embed(const Weights& weights, const std::vector<int64_t>& ids);
/// int64 values as a tensor on `device`.
at::Tensor index_tensor(const std::vector<int64_t>& values, at::Device device);

}  // namespace rrpo::model
