// The eye of InternVL: InternViT, cells of patches joined (pixel shuffle), a norm and two linears.
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>

#include <cmath>

#include "../functions.h"
#include "../layers.h"
#include "rows.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

const std::string kTower = "model.vision_tower.", kProjector = "model.multi_modal_projector.";

/// One layer; what it adds to x is scaled by vectors [D].
struct Layer {
  Norm before;
  Linear q, k, v;
  Norm q_norm, k_norm;  ///< over all heads together; undefined: none
  Linear out;
  at::Tensor scale1;
  Norm after;
  Linear fc1, fc2;
  at::Tensor scale2;
};

std::string layer_name(size_t i) { return kTower + "encoder.layer." + std::to_string(i) + "."; }

at::Tensor normed(const at::Tensor& x, const Norm& norm) {
  return norm.bias.defined() ? layer_norm(x, norm) : rms_norm(x, norm.weight, norm.eps);
}

Json norm_json(const Norm& norm) { return {norm.bias.defined() ? "layer" : "rms", norm.eps}; }

class InternVit final : public Vision {
 public:
  InternVit(const InternVitForm& form, const Shapes& shapes);

  void list(Listing& list) override {
    list.part = Part::vision;
    list.add(kTower + "embeddings.cls_token", cls_);
    list.add(kTower + "embeddings.position_embeddings", position_);
    list.add(kTower + "embeddings.patch_embeddings.projection", patch_);
    for (size_t i = 0; i < layers_.size(); ++i) list_layer(list, layer_name(i), layers_[i]);
    list.part = Part::projector;
    list.add(kProjector + "layer_norm", joined_norm_);
    list.add(kProjector + "linear_1", linear_1_);
    list.add(kProjector + "linear_2", linear_2_);
  }

  void each_linear(const SeeLinear& see) override {
    for (size_t i = 0; i < layers_.size(); ++i) {
      Layer& layer = layers_[i];
      const std::string at = layer_name(i);
      see(at + "attention.q_proj", layer.q);
      see(at + "attention.k_proj", layer.k);
      see(at + "attention.v_proj", layer.v);
      see(at + "attention.projection_layer", layer.out);
      see(at + "mlp.fc1", layer.fc1);
      see(at + "mlp.fc2", layer.fc2);
    }
    see(kProjector + "linear_1", linear_1_);
    see(kProjector + "linear_2", linear_2_);
  }

  std::optional<std::vector<VisualRun>> runs(const ClipForm& form) const override {
    return runs_of(form.frames, form.still);
  }
  std::vector<VisualRun> frame_runs(const ClipForm& form) const override { return runs_of(form.frames, form.still); }

  VisualTokens encode(const ClipInput& clip, const VisionPass& pass) const override {
    const at::Tensor& pixels = clip.pixels.front();
    expect(pixels.dim() == 4 && pixels.size(0) > 0 && pixels.size(1) == 3 && pixels.size(2) == form_.side &&
               pixels.size(3) == form_.side,
           "pixels of another shape than the vision tower's");
    const at::Tensor joined = join(run(pixels.to(pass.device, pass.type), pass.adapter));
    const at::Tensor inner = at::gelu(linear(layer_norm(joined, joined_norm_), linear_1_, pass.adapter));
    return {linear(inner, linear_2_, pass.adapter).flatten(0, 1), {}, runs_of(pixels.size(0), clip.form.still)};
  }

  Json resolved() const override {
    Json layers = Json::array();
    for (const Layer& layer : layers_) {
      layers.push_back({norm_json(layer.before), norm_json(layer.after)});
      if (layer.q_norm.weight.defined()) layers.back().push_back(norm_json(layer.q_norm));
    }
    return {{"side", form_.side}, {"patch", form_.patch}, {"heads", form_.heads},   {"runs", form_.used},
            {"cell", form_.cell}, {"norms", layers},      {"eps", joined_norm_.eps}};
  }

  int64_t image_side() const override { return form_.side; }

  VisionCost cost(const ClipForm& form) const override {
    const auto frames = static_cast<double>(form.frames), grid = static_cast<double>(form_.side / form_.patch);
    const auto width = static_cast<double>(form_.width), inner = static_cast<double>(form_.inner),
               out = static_cast<double>(form_.decoder_width), layers = static_cast<double>(form_.used);
    const double patches = grid * grid, rows = patches + 1, cells = patches / std::pow(form_.cell, 2.0);
    const double tower = patches * 3 * std::pow(form_.patch, 2.0) * width +
                         layers * rows * (4 * width * width + 2 * width * inner + 2 * rows * width);
    const double projector = cells * (std::pow(form_.cell, 2.0) * width * out + out * out);
    return {.flop = 2 * frames * (tower + projector),
            .kept_values = frames * (rows * layers * (9 * width + 2 * inner) + cells * 3 * out)};
  }

 private:
  static void list_layer(Listing& list, const std::string& at, Layer& layer) {
    list.add(at + "lambda_1", layer.scale1);
    list.add(at + "lambda_2", layer.scale2);
    list.add(at + "attention.q_proj", layer.q);
    list.add(at + "attention.k_proj", layer.k);
    list.add(at + "attention.v_proj", layer.v);
    list.add(at + "attention.projection_layer", layer.out);
    list.add(at + "attention.q_norm", layer.q_norm);
    list.add(at + "attention.k_norm", layer.k_norm);
    list.add(at + "mlp.fc1", layer.fc1);
    list.add(at + "mlp.fc2", layer.fc2);
    list.add(at + "layernorm_before", layer.before);
    list.add(at + "layernorm_after", layer.after);
  }

  /// A run of each frame; a still's tiles are one.
  std::vector<VisualRun> runs_of(int64_t frames, bool still) const {
    const int64_t grid = form_.side / form_.patch / form_.cell, each = grid * grid;
    if (still) return {plain_run(frames * each)};
    return std::vector<VisualRun>(static_cast<size_t>(frames), plain_run(each));
  }

  /// Pixels [F, 3, S, S] to features [F, 1 + grid^2, D], the class token's first. A stride-`patch` convolution is a matrix
  /// product; pixels beyond the last whole patch are unused.
  at::Tensor run(const at::Tensor& pixels, Adapter adapter) const {
    const int64_t frames = pixels.size(0), patch = form_.patch, grid = form_.side / patch;
    const at::ScalarType type = pixels.scalar_type();
    const at::Tensor patches = pixels.narrow(2, 0, grid * patch)
                                   .narrow(3, 0, grid * patch)
                                   .reshape({frames, 3, grid, patch, grid, patch})
                                   .permute({0, 2, 4, 1, 3, 5})
                                   .reshape({frames, grid * grid, 3 * patch * patch});
    const at::Tensor features = at::linear(patches, patch_.weight.get(type).flatten(1), patch_.bias.to(type));
    const at::Tensor first = cls_.to(type).expand({frames, 1, form_.width});
    at::Tensor x = at::cat({first, features}, 1).add(position_.to(type));
    for (int64_t i = 0; i < form_.used; ++i) {
      const Layer& layer = layers_[static_cast<size_t>(i)];
      x = x.add(attention(layer, normed(x, layer.before), adapter).mul(layer.scale1.to(type)));
      const at::Tensor inner = at::gelu(linear(normed(x, layer.after), layer.fc1, adapter));
      x = x.add(linear(inner, layer.fc2, adapter).mul(layer.scale2.to(type)));
    }
    return x;
  }

  at::Tensor attention(const Layer& layer, const at::Tensor& x, Adapter adapter) const {
    const int64_t frames = x.size(0), length = x.size(1);
    const auto heads = [&](const Linear& part, const Norm& norm) {
      const at::Tensor all = linear(x, part, adapter);
      const at::Tensor ready = norm.weight.defined() ? rms_norm(all, norm.weight, norm.eps) : all;
      return ready.view({frames, length, form_.heads, form_.width / form_.heads});
    };
    const at::Tensor q = heads(layer.q, layer.q_norm), k = heads(layer.k, layer.k_norm), v = heads(layer.v, {});
    return linear(attend_pictures(q, k, v), layer.out, adapter);
  }

  /// Features [F, 1 + grid^2, D] without the class token, the patches of a cell (rows first) one behind the other:
  /// [F, cells, D * cell^2].
  at::Tensor join(const at::Tensor& features) const {
    const int64_t frames = features.size(0), cell = form_.cell, cells = form_.side / form_.patch / cell;
    return features.narrow(1, 1, features.size(1) - 1)
        .reshape({frames, cells, cell, cells, cell, form_.width})
        .permute({0, 1, 3, 2, 4, 5})
        .reshape({frames, cells * cells, cell * cell * form_.width});
  }

  InternVitForm form_;
  at::Tensor cls_;       ///< [1, 1, D]
  at::Tensor position_;  ///< [1, 1 + grid^2, D]
  Linear patch_;         ///< weight [D, 3, patch, patch]
  std::vector<Layer> layers_;
  Norm joined_norm_;
  Linear linear_1_, linear_2_;
};

InternVit::InternVit(const InternVitForm& form, const Shapes& shapes) : form_(form) {
  const int64_t width = form.width, grid = form.side / form.patch, joined = width * form.cell * form.cell;
  cls_ = shapes.tensor({1, 1, width});
  position_ = shapes.tensor({1, 1 + grid * grid, width});
  patch_ = {shapes.tensor({width, 3, form.patch, form.patch}), shapes.tensor({width}), {}};
  const auto norm = [&] { return form.rms ? shapes.rms_norm(width, form.eps) : shapes.layer_norm(width, form.eps); };
  const auto head_norm = [&] { return form.head_eps > 0 ? shapes.rms_norm(width, form.head_eps) : Norm{}; };
  for (int64_t i = 0; i < form.layers; ++i) {
    const auto square = [&] { return shapes.linear(width, width, form.qkv_bias); };
    layers_.push_back({.before = norm(),
                       .q = square(),
                       .k = square(),
                       .v = square(),
                       .q_norm = head_norm(),
                       .k_norm = head_norm(),
                       .out = shapes.linear(width, width, true),
                       .scale1 = shapes.tensor({width}),
                       .after = norm(),
                       .fc1 = shapes.linear(width, form.inner, true),
                       .fc2 = shapes.linear(form.inner, width, true),
                       .scale2 = shapes.tensor({width})});
  }
  joined_norm_ = shapes.layer_norm(joined, 1e-5);  // torch's, which no configuration changes
  linear_1_ = shapes.linear(joined, form.decoder_width, true);
  linear_2_ = shapes.linear(form.decoder_width, form.decoder_width, true);
}

}  // namespace

std::unique_ptr<Vision> intern_vit(const InternVitForm& form, const Shapes& shapes) {
  return std::make_unique<InternVit>(form, shapes);
}

}  // namespace rrpo::model
