#include "dinov2.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/upsample_bicubic2d.h>

#include <cmath>

#include "../functions.h"
#include "../layers.h"
#include "../shapes.h"

namespace rrpo::model {

namespace {

/// A stride-`patch` convolution as a matrix product: [F, 3, S, S] -> [F, side^2, D]. Pixels beyond the last whole patch are
/// unused.
at::Tensor embed_patches(const DinoTower& tower, const at::Tensor& pixels) {
  const int64_t frames = pixels.size(0), channels = pixels.size(1), patch = tower.patch, side = pixels.size(2) / patch;
  const at::Tensor patches = pixels.narrow(2, 0, side * patch)
                                 .narrow(3, 0, side * patch)
                                 .reshape({frames, channels, side, patch, side, patch})
                                 .permute({0, 2, 4, 1, 3, 5})
                                 .reshape({frames, side * side, channels * patch * patch});
  const at::ScalarType type = pixels.scalar_type();
  return at::linear(patches, tower.patch_weight.flatten(1).to(type), tower.patch_bias.to(type));
}

at::Tensor attention(const DinoTower& tower, const DinoLayer& layer, const at::Tensor& x, Adapter adapter) {
  const int64_t frames = x.size(0), length = x.size(1), width = x.size(2);
  const auto heads = [&](const Linear& part) {
    return linear(x, part, adapter).view({frames, length, tower.heads, width / tower.heads});
  };
  return linear(attend_pictures(heads(layer.q), heads(layer.k), heads(layer.v)), layer.out, adapter);
}

at::Tensor gated_mlp(const DinoLayer& layer, const at::Tensor& x, Adapter adapter) {
  const std::vector<at::Tensor> halves = linear(x, layer.in, adapter).chunk(2, -1);
  return linear(at::silu(halves[0]).mul(halves[1]), layer.down, adapter);
}

std::string layer_name(const std::string& top, size_t i) { return top + "encoder.layer." + std::to_string(i) + "."; }

}  // namespace

DinoTower dino_tower(const ConfigReader& config, const Shapes& shapes) {
  config.only("model_type", "dinov2");
  config.only("use_swiglu_ffn", true);
  config.only("qkv_bias", true);
  config.only("num_channels", 3);
  if (!config.flag("use_swiglu_ffn", false)) config.refuse("use_swiglu_ffn", "only gated MLPs are supported");
  DinoTower tower;
  tower.patch = config.integer("patch_size", 1, 1024);
  tower.table = config.integer("image_size", tower.patch, 8192) / tower.patch;
  const int64_t width = config.integer("hidden_size", 1, kMaxWidth);
  tower.heads = config.integer("num_attention_heads", 1, width);
  if (width % tower.heads != 0) config.refuse("num_attention_heads", "does not divide hidden_size");
  const double eps = config.number("layer_norm_eps", 1e-6);
  // Two thirds of the usual width, each step rounded down, then up to a multiple of eight.
  const auto full = static_cast<int64_t>(static_cast<double>(width) * config.number("mlp_ratio", 4));
  const int64_t inner = (full * 2 / 3 + 7) / 8 * 8;
  tower.cls = shapes.tensor({1, 1, width});
  tower.position = shapes.tensor({1, 1 + tower.table * tower.table, width});
  tower.patch_weight = shapes.tensor({width, 3, tower.patch, tower.patch});
  tower.patch_bias = shapes.tensor({width});
  for (int64_t i = config.integer("num_hidden_layers", 1, kMaxLayers); i > 0; --i) {
    const auto square = [&] { return shapes.linear(width, width, true); };
    tower.layers.push_back({.norm1 = shapes.layer_norm(width, eps),
                            .q = square(),
                            .k = square(),
                            .v = square(),
                            .out = square(),
                            .scale1 = shapes.tensor({width}),
                            .norm2 = shapes.layer_norm(width, eps),
                            .in = shapes.linear(width, 2 * inner, true),
                            .down = shapes.linear(inner, width, true),
                            .scale2 = shapes.tensor({width})});
  }
  tower.norm = shapes.layer_norm(width, eps);
  return tower;
}

void list_dino(Listing& list, const std::string& top, DinoTower& tower) {
  list.add(top + "embeddings.cls_token", tower.cls);
  list.add(top + "embeddings.position_embeddings", tower.position);
  list.add(top + "embeddings.patch_embeddings.projection.weight", tower.patch_weight);
  list.add(top + "embeddings.patch_embeddings.projection.bias", tower.patch_bias);
  for (size_t i = 0; i < tower.layers.size(); ++i) {
    DinoLayer& layer = tower.layers[i];
    const std::string at = layer_name(top, i);
    list.add(at + "norm1", layer.norm1);
    list.add(at + "attention.attention.query", layer.q);
    list.add(at + "attention.attention.key", layer.k);
    list.add(at + "attention.attention.value", layer.v);
    list.add(at + "attention.output.dense", layer.out);
    list.add(at + "layer_scale1.lambda1", layer.scale1);
    list.add(at + "norm2", layer.norm2);
    list.add(at + "mlp.weights_in", layer.in);
    list.add(at + "mlp.weights_out", layer.down);
    list.add(at + "layer_scale2.lambda1", layer.scale2);
  }
  list.add(top + "layernorm", tower.norm);
}

void each_dino_linear(const std::string& top, DinoTower& tower, const SeeLinear& see) {
  for (size_t i = 0; i < tower.layers.size(); ++i) {
    DinoLayer& layer = tower.layers[i];
    const std::string at = layer_name(top, i);
    see(at + "attention.attention.query", layer.q);
    see(at + "attention.attention.key", layer.k);
    see(at + "attention.attention.value", layer.v);
    see(at + "attention.output.dense", layer.out);
    see(at + "mlp.weights_in", layer.in);
    see(at + "mlp.weights_out", layer.down);
  }
}

at::Tensor dino_positions(const DinoTower& tower, int64_t side) {
  const int64_t table = tower.table, width = tower.position.size(2);
  if (side == table) return tower.position;
  const double factor = (static_cast<double>(side) + 0.1) / static_cast<double>(table);
  const at::Tensor map =
      tower.position.narrow(1, 1, table * table).view({1, table, table, width}).permute({0, 3, 1, 2}).to(at::kFloat);
  const at::Tensor sized = at::upsample_bicubic2d(map, {side, side}, /*align_corners=*/false, factor, factor);
  const at::Tensor patches = sized.to(tower.position.scalar_type()).permute({0, 2, 3, 1}).reshape({1, side * side, width});
  return at::cat({tower.position.narrow(1, 0, 1), patches}, 1);
}

at::Tensor run_dino(const DinoTower& tower, const at::Tensor& pixels, Adapter adapter) {
  const int64_t frames = pixels.size(0), side = pixels.size(2) / tower.patch;
  const at::ScalarType type = pixels.scalar_type();
  const at::Tensor first = tower.cls.to(type).expand({frames, 1, tower.cls.size(2)});
  at::Tensor x = at::cat({first, embed_patches(tower, pixels)}, 1).add(dino_positions(tower, side).to(type));
  for (const DinoLayer& layer : tower.layers) {
    x = x.add(attention(tower, layer, layer_norm(x, layer.norm1), adapter).mul(layer.scale1.to(type)));
    x = x.add(gated_mlp(layer, layer_norm(x, layer.norm2), adapter).mul(layer.scale2.to(type)));
  }
  return layer_norm(x, tower.norm).narrow(1, 1, side * side);
}

Json dino_json(const DinoTower& tower) {
  return {{"patch", tower.patch}, {"heads", tower.heads}, {"table", tower.table}, {"eps", tower.norm.eps}};
}

VisionCost dino_cost(const DinoTower& tower, int64_t side) {
  const auto width = static_cast<double>(tower.patch_weight.size(0)), tokens = 1 + std::pow(side / tower.patch, 2.0);
  const auto layers = static_cast<double>(tower.layers.size());
  const auto inner = static_cast<double>(tower.layers.front().down.weight.size(1));
  const auto inputs = static_cast<double>(3 * tower.patch * tower.patch);
  const double layer = 4 * width * width + 3 * width * inner;
  return {.flop = 2 * tokens * (inputs * width + layers * layer) + 4 * layers * tokens * tokens * width,
          .kept_values = tokens * layers * (9 * width + 4 * inner)};
}

}  // namespace rrpo::model
