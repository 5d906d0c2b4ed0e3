#include "rrpo/model/lvlm.h"

#include <utility>

#include "layers.h"
#include "rrpo/model/weights.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

void list_decoder(Listing& list, Weights& weights) {
  const std::string top = "model.language_model.";
  Decoder& decoder = weights.decoder;
  list.part = Part::decoder;
  list.add(top + "embed_tokens.weight", decoder.embedding);
  for (size_t i = 0; i < decoder.layers.size(); ++i) {
    const std::string at = top + "layers." + std::to_string(i) + ".";
    list.add(at + "input_layernorm", decoder.layers[i].input_norm);
    list.add(at + "post_attention_layernorm", decoder.layers[i].post_norm);
    list.add(at + "self_attn.q_norm", decoder.layers[i].q_norm);
    list.add(at + "self_attn.k_norm", decoder.layers[i].k_norm);
  }
  each_decoder_linear(weights, [&list](const std::string& name, Linear& linear) { list.add(name, linear); });
  list.add(top + "norm", decoder.norm);
  list.add("lm_head.weight", decoder.head);
}

}  // namespace

void Listing::add(const std::string& name, at::Tensor& tensor) {
  if (tensor.defined()) out_.push_back({name, &tensor, tensor.sizes().vec(), part, optional});
}
void Listing::add(const std::string& name, Linear& linear) {
  Frozen& weight = linear.weight;  // a held one has a shape and no values to point at
  if (weight.defined()) out_.push_back({name + ".weight", &weight.plain, weight.shape(), part, optional});
  add(name + ".bias", linear.bias);
}
void Listing::add(const std::string& name, Norm& norm) {
  add(name + ".weight", norm.weight);
  add(name + ".bias", norm.bias);
}

Lvlm::Lvlm(std::unique_ptr<Weights> weights) : weights_(std::move(weights)) {
  expect(weights_ != nullptr && weights_->vision != nullptr, "a model without weights or without an eye");
}
Lvlm::Lvlm(Lvlm&&) noexcept = default;
Lvlm& Lvlm::operator=(Lvlm&&) noexcept = default;
Lvlm::~Lvlm() = default;

const Vision& Lvlm::vision() const { return *weights_->vision; }

void each_decoder_linear(Weights& weights, const SeeLinear& see) {
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

void each_linear(Weights& weights, const SeeLinear& see) {
  weights.vision->each_linear(see);
  each_decoder_linear(weights, see);
}

std::vector<NamedTensor> tensors(Lvlm& lvlm) {
  std::vector<NamedTensor> all;
  Listing list(all);
  lvlm.weights().vision->list(list);
  list.optional = false;
  list_decoder(list, lvlm.weights());
  return all;
}

int64_t width(const Lvlm& lvlm) { return lvlm.weights().decoder.embedding.size(1); }
int64_t vocabulary(const Lvlm& lvlm) { return lvlm.weights().decoder.embedding.size(0); }
VisualTokens encode(const Lvlm& lvlm, const ClipInput& clip, Adapter adapter, const std::vector<int64_t>& question) {
  const Weights& weights = lvlm.weights();
  expect(!clip.pixels.empty(), "a clip without pixels");
  return weights.vision->encode(clip, {adapter, weights.type, weights.device, question, weights.decoder.embedding});
}

at::Tensor head(const Lvlm& lvlm) {
  const Decoder& decoder = lvlm.weights().decoder;
  return decoder.head.defined() ? decoder.head : decoder.embedding;
}

bool has_adapter(const Lvlm& lvlm) { return lvlm.weights().adapter.has_value(); }

bool adapts_vision(const Lvlm& lvlm) {
  bool found = false;
  lvlm.weights().vision->each_linear([&found](const std::string&, Linear& linear) { found |= linear.lora.a.defined(); });
  return found;
}

}  // namespace rrpo::model
