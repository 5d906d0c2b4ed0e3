// SigLIP's vision transformer: output of the last block, before the post norm.
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include "layers.h"

namespace rrpo::model {

namespace {

/// A stride-`patch` convolution as a matrix product: [F, 3, S, S] -> [F, grid^2, D]. Pixels beyond the last whole patch are
/// unused.
at::Tensor embed_patches(const Tower& tower, const at::Tensor& pixels) {
  const int64_t frames = pixels.size(0), channels = pixels.size(1), grid = tower.grid(), side = tower.patch;
  const at::Tensor patches = pixels.narrow(2, 0, grid * side)
                                 .narrow(3, 0, grid * side)
                                 .reshape({frames, channels, grid, side, grid, side})
                                 .permute({0, 2, 4, 1, 3, 5})
                                 .reshape({frames, grid * grid, channels * side * side});
  const at::ScalarType type = pixels.scalar_type();
  const at::Tensor features = at::linear(patches, tower.patch_weight.flatten(1).to(type), tower.patch_bias.to(type));
  return features.add(tower.position.to(type));
}

at::Tensor attention(const Tower& tower, const VisionLayer& layer, const at::Tensor& x) {
  const int64_t frames = x.size(0), length = x.size(1), width = x.size(2);
  const auto heads = [&](const Linear& part) {
    return linear(x, part).view({frames, length, tower.heads, width / tower.heads}).transpose(1, 2);
  };
  const at::Tensor mixed = at::scaled_dot_product_attention(heads(layer.q), heads(layer.k), heads(layer.v));
  return linear(mixed.transpose(1, 2).reshape({frames, length, width}), layer.out);
}

}  // namespace

at::Tensor run_tower(const Tower& tower, const at::Tensor& pixels) {
  at::Tensor x = embed_patches(tower, pixels);
  for (const VisionLayer& layer : tower.layers) {
    x = x.add(attention(tower, layer, layer_norm(x, layer.norm1)));
    x = x.add(linear(at::gelu(linear(layer_norm(x, layer.norm2), layer.fc1), "tanh"), layer.fc2));
  }
  return x;
}

}  // namespace rrpo::model
