// The parts that eyes and decoder share. Weights of another type than the activations (trained ones, in float32)
// are cast here, so that their gradients arrive in their own type.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "rrpo/model/weights.h"

namespace rrpo::model {

/// x [.., in] -> [.., out]; with the adapter on the linear's Lora is added, computed in the type of A as PEFT does.
at::Tensor linear(const at::Tensor& x, const Linear& layer, Adapter adapter);
/// LayerNorm over the last dimension.
at::Tensor layer_norm(const at::Tensor& x, const Norm& norm);

/// Tensors that turn queries and keys: cos and sin [T, 1, d/2].
struct Rotary {
  at::Tensor cos, sin;
};
/// Those of the rotary positions: angles, cosines and sines in float32 whatever `type` is, as in transformers, then cast.
Rotary rotary(const Decoder& decoder, const std::vector<Position>& positions, at::ScalarType type, at::Device device);

/// What the layers of a pass share.
struct LayerPass {
  const Decoder& decoder;
  Rotary angles;
  Adapter adapter = Adapter::on;
  bool mlp_again = false;  ///< backward makes gate and up again
};

/// Attention of queries [n, H, d] over keys and values [n, Hkv, d]; returns [n, H * d].
using Attend = std::function<at::Tensor(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v)>;

/// Which rows of a layer are wanted.
struct Wanted {
  at::Tensor queries = {};  ///< rows that look at the others; undefined: all
  at::Tensor output = {};   ///< of these the ones that go on; undefined: all
};

/// One layer over rows x [n, D]: x + o(attention), then + MLP.
at::Tensor run_layer(const LayerPass& pass, const DecoderLayer& layer, const at::Tensor& x, const Attend& attend,
                     const Wanted& wanted = {});
/// Keys and values of a layer's rows, of which nobody wants the output.
struct KeysAndValues {
  at::Tensor k, v;
};
KeysAndValues keys_values(const LayerPass& pass, const DecoderLayer& layer, const at::Tensor& x);
/// The norm behind the last layer.
at::Tensor final_norm(const Decoder& decoder, const at::Tensor& x);

/// The rows that are text, as the embedding takes them.
struct TextRows {
  at::Tensor ids;                ///< [n] on the model's device
  at::Tensor ones;               ///< [n, 1] true for rows of ones; undefined: there are none
  std::vector<int64_t> lengths;  ///< of the stretches around the visual rows: one more than there are of those
};
/// Throws Error(internal) for an id outside the vocabulary, and for rows that visual tokens do not fill.
TextRows text_rows(const Weights& weights, const PackedRows& rows);
TextRows text_rows(const Weights& weights, const std::vector<int64_t>& ids);

/// Token embeddings in the model's type, [n, D]. Throws Error(internal) for an id outside the vocabulary.
at::Tensor embed(const Weights& weights, const TextRows& text);
at::Tensor embed(const Weights& weights, const std::vector<int64_t>& ids);
/// Token embeddings and visual tokens in the order of the rows, [T, D]. Throws Error(internal) where a video has other
/// tokens than its rows.
at::Tensor input_rows(const Weights& weights, const PackedRows& rows, const TextRows& text,
                      const std::vector<VisualTokens>& visual);
at::Tensor input_rows(const Weights& weights, const PackedRows& rows, const std::vector<VisualTokens>& visual);

/// The rows of visual tokens of a pass, for what is added to them behind the first layers (deepstack).
class DeepRows {
 public:
  /// `kept` are the rows that the last layer goes on with, in order.
  DeepRows(const Weights& weights, const PackedRows& rows, const std::vector<VisualTokens>& visual,
           const std::vector<int64_t>& kept);
  /// x [T, D], or of the last layer [kept, D], with what belongs behind layer `number`.
  at::Tensor add(const at::Tensor& x, size_t number, bool last) const;

 private:
  std::vector<at::Tensor> features_;  ///< by layer, [rows, D]
  at::Tensor rows_;                   ///< their places among all rows
  at::Tensor chosen_, kept_rows_;     ///< of these features the ones that are kept, and their places among the kept rows
};

/// int64 values as a tensor on `device`.
at::Tensor index_tensor(const std::vector<int64_t>& values, at::Device device);

}  // namespace rrpo::model
