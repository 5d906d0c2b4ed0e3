#include "siglip.h"

#include <ATen/ops/linear.h>

#include <cmath>

#include "../functions.h"
#include "../layers.h"
#include "../shapes.h"

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

at::Tensor attention(const Tower& tower, const VisionLayer& layer, const at::Tensor& x, Adapter adapter) {
  const int64_t frames = x.size(0), length = x.size(1), width = x.size(2);
  const auto heads = [&](const Linear& part) {
    return linear(x, part, adapter).view({frames, length, tower.heads, width / tower.heads});
  };
  return linear(attend_pictures(heads(layer.q), heads(layer.k), heads(layer.v)), layer.out, adapter);
}

}  // namespace

Tower siglip_tower(const ConfigReader& config, int64_t layers, const Shapes& shapes) {
  config.only("model_type", "siglip_vision_model");
  config.only("hidden_act", "gelu_pytorch_tanh");
  config.only("num_channels", 3);
  Tower tower;
  tower.patch = config.integer("patch_size", 1, 1024);
  tower.image = config.integer("image_size", tower.patch, 8192);
  const int64_t width = config.integer("hidden_size", 1, kMaxWidth),
                inner = config.integer("intermediate_size", 1, kMaxWidth);
  tower.heads = config.integer("num_attention_heads", 1, width);
  if (width % tower.heads != 0) config.refuse("num_attention_heads", "does not divide hidden_size");
  const double eps = config.number("layer_norm_eps", 1e-6);
  tower.patch_weight = shapes.tensor({width, 3, tower.patch, tower.patch});
  tower.patch_bias = shapes.tensor({width});
  tower.position = shapes.tensor({tower.grid() * tower.grid(), width});
  for (int64_t i = 0; i < layers; ++i) {
    const auto square = [&] { return shapes.linear(width, width, true); };
    tower.layers.push_back({shapes.layer_norm(width, eps), square(), square(), square(), square(),
                            shapes.layer_norm(width, eps), shapes.linear(width, inner, true),
                            shapes.linear(inner, width, true)});
  }
  tower.post = shapes.layer_norm(width, eps);
  return tower;
}

void list_tower(Listing& list, const std::string& top, Tower& tower) {
  list.add(top + "embeddings.patch_embedding.weight", tower.patch_weight);
  list.add(top + "embeddings.patch_embedding.bias", tower.patch_bias);
  list.add(top + "embeddings.position_embedding.weight", tower.position);
  for (size_t i = 0; i < tower.layers.size(); ++i) {
    VisionLayer& layer = tower.layers[i];
    const std::string at = top + "encoder.layers." + std::to_string(i) + ".";
    list.add(at + "layer_norm1", layer.norm1);
    list.add(at + "self_attn.q_proj", layer.q);
    list.add(at + "self_attn.k_proj", layer.k);
    list.add(at + "self_attn.v_proj", layer.v);
    list.add(at + "self_attn.out_proj", layer.out);
    list.add(at + "layer_norm2", layer.norm2);
    list.add(at + "mlp.fc1", layer.fc1);
    list.add(at + "mlp.fc2", layer.fc2);
  }
  list.optional = true;
  list.add(top + "post_layernorm", tower.post);
  list.optional = false;
}

void each_tower_linear(const std::string& top, Tower& tower, const SeeLinear& see) {
  for (size_t i = 0; i < tower.layers.size(); ++i) {
    VisionLayer& layer = tower.layers[i];
    const std::string at = top + "encoder.layers." + std::to_string(i) + ".";
    see(at + "self_attn.q_proj", layer.q);
    see(at + "self_attn.k_proj", layer.k);
    see(at + "self_attn.v_proj", layer.v);
    see(at + "self_attn.out_proj", layer.out);
    see(at + "mlp.fc1", layer.fc1);
    see(at + "mlp.fc2", layer.fc2);
  }
}

at::Tensor run_tower(const Tower& tower, const at::Tensor& pixels, Adapter adapter) {
  at::Tensor x = embed_patches(tower, pixels);
  for (const VisionLayer& layer : tower.layers) {
    x = x.add(attention(tower, layer, layer_norm(x, layer.norm1), adapter));
    const at::Tensor inner = linear(layer_norm(x, layer.norm2), layer.fc1, adapter);
    x = x.add(linear(gelu_tanh(inner), layer.fc2, adapter));
  }
  return x;
}

Json tower_json(const Tower& tower) {
  Json eps = Json::array({tower.post.eps});
  for (const VisionLayer& layer : tower.layers) eps.push_back({layer.norm1.eps, layer.norm2.eps});
  return {{"image", tower.image}, {"patch", tower.patch}, {"heads", tower.heads}, {"eps", eps}};
}

VisionCost tower_cost(const Tower& tower) {
  const auto width = static_cast<double>(tower.patch_weight.size(0)), patches = std::pow(tower.grid(), 2.0);
  const auto layers = static_cast<double>(tower.layers.size());
  const double inner = tower.layers.empty() ? 0 : static_cast<double>(tower.layers[0].fc1.weight.size(0));
  const auto inputs = static_cast<double>(3 * tower.patch * tower.patch);
  const double layer = 4 * width * width + 2 * width * inner;
  return {.flop = 2 * patches * (inputs * width + layers * layer) + 4 * layers * patches * patches * width,
          .kept_values = patches * layers * (7 * width + 2 * inner)};
}

}  // namespace rrpo::model
