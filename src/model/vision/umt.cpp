#include "umt.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/upsample_bicubic2d.h>
#include <ATen/ops/upsample_linear1d.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

#include "../functions.h"
#include "../layers.h"
#include "../shapes.h"

namespace rrpo::model {

namespace {

constexpr const char* kTop = "vision_encoder.encoder.";

/// A convolution whose windows do not overlap as a matrix product: [F, 3, S, S] -> [F * grid^2, D].
at::Tensor embed_patches(const Umt& tower, const at::Tensor& pixels) {
  const int64_t frames = pixels.size(0), grid = tower.grid(), side = tower.patch;
  const at::Tensor patches = pixels.narrow(2, 0, grid * side)
                                 .narrow(3, 0, grid * side)
                                 .reshape({frames, 3, grid, side, grid, side})
                                 .permute({0, 2, 4, 1, 3, 5})
                                 .reshape({frames * grid * grid, 3 * side * side});
  const at::ScalarType type = pixels.scalar_type();
  return at::linear(patches, tower.patch_weight.flatten(1).to(type), tower.patch_bias.to(type));
}

at::Tensor attention(const Umt& tower, const UmtLayer& layer, const at::Tensor& x, Adapter adapter) {
  const int64_t length = x.size(0), width = x.size(1);
  const at::ScalarType type = x.scalar_type();
  const at::Tensor bias = at::cat({layer.q_bias, at::zeros_like(layer.v_bias), layer.v_bias}).to(type);
  const at::Tensor parts = at::linear(x, layer.qkv.to(type), bias).view({1, length, 3, tower.heads, width / tower.heads});
  const at::Tensor mixed = attend_pictures(parts.select(2, 0), parts.select(2, 1), parts.select(2, 2));
  return linear(mixed.squeeze(0), layer.out, adapter);
}

/// Angles place / 10000^(2 floor(j / 2) / D), sines of the even ones and cosines of the odd ones, [places, D] float32.
at::Tensor sinusoids(int64_t places, int64_t width) {
  at::Tensor table = at::empty({places, width}, at::kFloat);
  auto* out = table.mutable_data_ptr<float>();
  for (int64_t j = 0; j < width; ++j) {
    const double slow = std::pow(10000.0, static_cast<double>(2 * (j / 2)) / static_cast<double>(width));
    for (int64_t i = 0; i < places; ++i) {
      const double angle = static_cast<double>(i) / slow;
      out[i * width + j] = static_cast<float>(j % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  }
  return table;
}

}  // namespace

Umt umt_tower(const ConfigReader& config, const Shapes& shapes) {
  config.only("model_type", "umt_vision");
  config.only("hidden_act", "gelu");
  Umt tower;
  tower.patch = config.integer("patch_size", 1, 1024);
  tower.image = config.integer("image_size", tower.patch, 8192);
  tower.table_frames = config.integer("table_frames", 1, 1024);
  tower.table_side = config.integer("table_side", 1, 1024);
  const int64_t width = config.integer("hidden_size", 2, kMaxWidth),
                inner = config.integer("intermediate_size", 1, kMaxWidth);
  tower.heads = config.integer("num_attention_heads", 1, width);
  if (width % tower.heads != 0) config.refuse("num_attention_heads", "does not divide hidden_size");
  const double eps = config.number("layer_norm_eps", 1e-6);
  tower.patch_weight = shapes.tensor({width, 3, 1, tower.patch, tower.patch});
  tower.patch_bias = shapes.tensor({width});
  for (int64_t i = config.integer("num_hidden_layers", 1, kMaxLayers); i > 0; --i) {
    tower.layers.push_back({.norm1 = shapes.layer_norm(width, eps),
                            .qkv = shapes.tensor({3 * width, width}),
                            .q_bias = shapes.tensor({width}),
                            .v_bias = shapes.tensor({width}),
                            .out = shapes.linear(width, width, true),
                            .norm2 = shapes.layer_norm(width, eps),
                            .fc1 = shapes.linear(width, inner, true),
                            .fc2 = shapes.linear(inner, width, true)});
  }
  tower.output = shapes.layer_norm(width, config.number("output_norm_eps", 1e-12));
  return tower;
}

void list_umt(Listing& list, Umt& tower) {
  const std::string top = kTop;
  list.add(top + "patch_embed.proj.weight", tower.patch_weight);
  list.add(top + "patch_embed.proj.bias", tower.patch_bias);
  for (size_t i = 0; i < tower.layers.size(); ++i) {
    UmtLayer& layer = tower.layers[i];
    const std::string at = top + "blocks." + std::to_string(i) + ".";
    list.add(at + "norm1", layer.norm1);
    list.add(at + "attn.qkv.weight", layer.qkv);
    list.add(at + "attn.q_bias", layer.q_bias);
    list.add(at + "attn.v_bias", layer.v_bias);
    list.add(at + "attn.proj", layer.out);
    list.add(at + "norm2", layer.norm2);
    list.add(at + "mlp.fc1", layer.fc1);
    list.add(at + "mlp.fc2", layer.fc2);
  }
  list.add("vision_layernorm", tower.output);
}

void each_umt_linear(Umt& tower, const SeeLinear& see) {
  for (size_t i = 0; i < tower.layers.size(); ++i) {
    UmtLayer& layer = tower.layers[i];
    const std::string at = std::string(kTop) + "blocks." + std::to_string(i) + ".";
    see(at + "attn.proj", layer.out);
    see(at + "mlp.fc1", layer.fc1);
    see(at + "mlp.fc2", layer.fc2);
  }
}

at::Tensor umt_places(const Umt& tower, int64_t frames) {
  const int64_t width = tower.width(), side = tower.table_side, grid = tower.grid();
  const int64_t trained = frames == 1 ? 1 : tower.table_frames;
  at::Tensor table = sinusoids(trained * side * side, width).view({trained, side, side, width});
  if (grid != side) {
    table = at::upsample_bicubic2d(table.permute({0, 3, 1, 2}), {grid, grid}, /*align_corners=*/false).permute({0, 2, 3, 1});
  }
  if (frames != trained) {
    const at::Tensor over_time = table.permute({1, 2, 3, 0}).reshape({-1, width, trained});
    table = at::upsample_linear1d(over_time, {frames}, /*align_corners=*/false)
                .view({grid, grid, width, frames})
                .permute({3, 0, 1, 2});
  }
  return table.reshape({frames * grid * grid, width});
}

at::Tensor run_umt(const Umt& tower, const at::Tensor& pixels, Adapter adapter) {
  at::Tensor x = embed_patches(tower, pixels);
  x = x.add(umt_places(tower, pixels.size(0)).to(x.device(), x.scalar_type()));
  for (const UmtLayer& layer : tower.layers) {
    x = x.add(attention(tower, layer, layer_norm(x, layer.norm1), adapter));
    const at::Tensor inner = linear(layer_norm(x, layer.norm2), layer.fc1, adapter);
    x = x.add(linear(at::gelu(inner), layer.fc2, adapter));
  }
  return layer_norm(x, tower.output);
}

Json umt_json(const Umt& tower) {
  Json eps = Json::array({tower.output.eps});
  for (const UmtLayer& layer : tower.layers) eps.push_back({layer.norm1.eps, layer.norm2.eps});
  return {{"image", tower.image},
          {"patch", tower.patch},
          {"heads", tower.heads},
          {"table", {tower.table_frames, tower.table_side}},
          {"eps", eps}};
}

VisionCost umt_cost(const Umt& tower, int64_t frames) {
  const auto width = static_cast<double>(tower.width()), layers = static_cast<double>(tower.layers.size());
  const double patches = static_cast<double>(frames) * std::pow(tower.grid(), 2.0);
  const auto inputs = static_cast<double>(3 * tower.patch * tower.patch);
  const auto inner = static_cast<double>(tower.layers[0].fc1.weight.size(0));
  const double layer = 4 * width * width + 2 * width * inner;
  return {.flop = 2 * patches * (inputs * width + layers * layer) + 4 * layers * patches * patches * width,
          .kept_values = patches * layers * (7 * width + 2 * inner)};
}

}  // namespace rrpo::model
