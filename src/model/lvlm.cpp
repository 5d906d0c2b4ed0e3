#include "rrpo/model/lvlm.h"

#include <utility>

#include "layers.h"
#include "rrpo/model/weights.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

/// Collects what is defined, under names that are joined by dots.
class Listing {
 public:
  explicit Listing(std::vector<NamedTensor>& out) : out_(out) {}
  Part part = Part::vision;

  void add(const std::string& name, at::Tensor& tensor) {
    if (tensor.defined()) out_.push_back({name, &tensor, tensor.sizes().vec(), part});
  }
  void add(const std::string& name, Linear& linear) {
    add(name + ".weight", linear.weight);
    add(name + ".bias", linear.bias);
  }
  void add(const std::string& name, Norm& norm) {
    add(name + ".weight", norm.weight);
    add(name + ".bias", norm.bias);
  }

 private:
  std::vector<NamedTensor>& out_;
};

void list_tower(Listing& list, Tower& tower) {
  const std::string top = "model.vision_tower.";
  list.part = Part::vision;
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
  list.add(top + "post_layernorm", tower.post);
}

void list_decoder(Listing& list, Weights& weights) {
  const std::string top = "model.language_model.";
  Decoder& decoder = weights.decoder;
  list.part = Part::decoder;
  list.add(top + "embed_tokens.weight", decoder.embedding);
  for (size_t i = 0; i < decoder.layers.size(); ++i) {
    const std::string at = top + "layers." + std::to_string(i) + ".";
    list.add(at + "input_layernorm", decoder.layers[i].input_norm);
    list.add(at + "post_attention_layernorm", decoder.layers[i].post_norm);
  }
  each_decoder_linear(weights, [&list](const std::string& name, Linear& linear) { list.add(name, linear); });
  list.add(top + "norm", decoder.norm);
  list.add("lm_head.weight", decoder.head);
}

}  // namespace

Lvlm::Lvlm(std::unique_ptr<Weights> weights) : weights_(std::move(weights)) {
  expect(weights_ != nullptr, "a model without weights");
}
Lvlm::Lvlm(Lvlm&&) noexcept = default;
Lvlm& Lvlm::operator=(Lvlm&&) noexcept = default;
Lvlm::~Lvlm() = default;

void each_decoder_linear(Weights& weights, const std::function<void(const std::string&, Linear&)>& see) {
  for (size_t i = 0; i < weights.decoder.layers.size(); ++i) {
    DecoderLayer& layer = weights.decoder.layers[i];
    const std::string at = "model.language_model.layers." + std::to_string(i) + ".";
    see(at + "self_attn.q_proj", layer.q);
    see(at + "self_attn.k_proj", layer.k);
    see(at + "self_attn.v_proj", layer.v);
    see(at + "self_attn.o_proj", layer.o);
    see(at + "mlp.gate_proj", layer.gate);
    see(at + "mlp.up_proj", layer.up);
    see(at + "mlp.down_proj", layer.down);
  }
}

std::vector<NamedTensor> tensors(Lvlm& lvlm) {
  std::vector<NamedTensor> all;
  Listing list(all);
  Weights& weights = lvlm.weights();
  list_tower(list, weights.tower);
  list.part = Part::projector;
  list.add("model.multi_modal_projector.linear_1", weights.projector.linear_1);
  list.add("model.multi_modal_projector.linear_2", weights.projector.linear_2);
  list.add("model.image_newline", weights.projector.newline);
  list_decoder(list, weights);
  return all;
}

int64_t width(const Lvlm& lvlm) { return lvlm.weights().decoder.embedding.size(1); }
int64_t vocabulary(const Lvlm& lvlm) { return lvlm.weights().decoder.embedding.size(0); }
int64_t image_size(const Lvlm& lvlm) { return lvlm.weights().tower.image; }

int64_t visual_token_count(const Lvlm& lvlm, int64_t frames) {
  return projected_tokens(lvlm.weights().projector, lvlm.weights().tower.grid(), frames);
}

std::vector<video::Resolution> tile_resolutions(const Lvlm& lvlm) {
  const std::optional<Tiles>& tiles = lvlm.weights().projector.tiles;
  return tiles ? tiles->offered : std::vector<video::Resolution>{};
}

int64_t visual_token_count(const Lvlm& lvlm, video::Resolution picture) {
  const Weights& weights = lvlm.weights();
  expect(weights.projector.tiles.has_value(), "tiles for a model that takes none");
  const int64_t grid = weights.tower.grid();
  const TileMap map = map_tiles(*weights.projector.tiles, grid, weights.tower.image, picture);
  return grid * grid + map.final_height * (map.final_width + 1);
}

at::Tensor encode(const Lvlm& lvlm, const at::Tensor& pixels, const std::optional<video::Resolution>& picture) {
  const Weights& weights = lvlm.weights();
  const int64_t side = weights.tower.image;
  expect(pixels.dim() == 4 && pixels.size(0) > 0 && pixels.size(1) == 3 && pixels.size(2) == side && pixels.size(3) == side,
         "pixels of another shape than the vision tower's");
  const at::Tensor features = run_tower(weights.tower, pixels.to(weights.device, weights.type));
  return picture ? run_tiles(weights.projector, features, side, *picture) : run_projector(weights.projector, features);
}

at::Tensor head(const Lvlm& lvlm) {
  const Decoder& decoder = lvlm.weights().decoder;
  return decoder.head.defined() ? decoder.head : decoder.embedding;
}

AdapterOff::AdapterOff(const Lvlm& lvlm) : lvlm_(lvlm), before_(lvlm.weights().decoder.adapter_on) {
  lvlm_.weights().decoder.adapter_on = false;
}
AdapterOff::~AdapterOff() { lvlm_.weights().decoder.adapter_on = before_; }

bool has_adapter(const Lvlm& lvlm) { return lvlm.weights().adapter.has_value(); }

}  // namespace rrpo::model
