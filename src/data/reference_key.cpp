// What the reference's rows depend on beside what goes into the decoder.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <map>

#include "rrpo/data/reference_cache.h"
#include "rrpo/io/sha256.h"
#include "rrpo/model/weights.h"
#include "rrpo/util/version.h"

namespace rrpo::data {

namespace {

/// A step of SplitMix64 on all words: x ^= x >> bits (of unsigned numbers), then x *= factor.
void mix(at::Tensor& words, int64_t bits, uint64_t factor) {
  words.bitwise_xor_(words.bitwise_right_shift(bits).bitwise_and_((int64_t{1} << (64 - bits)) - 1));
  words.mul_(static_cast<int64_t>(factor));
}

/// The words of bytes, the last one filled up with zeros.
at::Tensor words_of(const at::Tensor& bytes) {
  constexpr int64_t kWord = sizeof(int64_t);
  const at::Tensor whole = at::zeros({(bytes.numel() + kWord - 1) / kWord * kWord}, bytes.options());
  whole.narrow(0, 0, bytes.numel()).copy_(bytes);
  return whole.view(at::kLong);
}

/// The sum over all words of SplitMix64's output at (word + number x gamma), modulo 2^64: every bit and its place count, in
/// whatever order the device adds. Taken where the tensor lies: 15 GB need not come to the host.
at::Tensor content(const at::Tensor& tensor) {
  constexpr uint64_t kGamma = 0x9e3779b97f4a7c15;
  const int64_t piece = tensor.is_cuda() ? int64_t{1} << 26 : int64_t{1} << 18;  // bytes; on a CPU it stays in the cache
  const at::Tensor bytes = tensor.detach().contiguous().view({-1}).view(at::kByte);
  const auto longs = at::TensorOptions(tensor.device()).dtype(at::kLong);
  at::Tensor total = at::zeros({}, longs);
  for (int64_t begin = 0; begin < bytes.numel(); begin += piece) {
    at::Tensor words = words_of(bytes.narrow(0, begin, std::min(piece, bytes.numel() - begin)));
    const int64_t first = begin / static_cast<int64_t>(sizeof(int64_t));
    words.add_(at::arange(first, first + words.numel(), longs).mul_(static_cast<int64_t>(kGamma)));
    mix(words, 30, 0xbf58476d1ce4e5b9);
    mix(words, 27, 0x94d049bb133111eb);
    mix(words, 31, 1);
    total.add_(words.sum());
  }
  return total;
}

/// Weights of the decoder by name. Those that are held in another form than products need are asked for as products do.
std::map<std::string, Json> contents(policy::Policy& policy) {
  std::map<std::string, Json> all;
  const auto add = [&all](const std::string& name, const at::Tensor& tensor) {
    all[name] = {tensor.toString(), tensor.sizes().vec(), content(tensor).item<int64_t>()};
  };
  for (const model::NamedTensor& weight : model::tensors(policy.lvlm)) {
    if (weight.part == model::Part::decoder && weight.tensor->defined()) add(weight.name, *weight.tensor);
  }
  model::Weights& weights = policy.lvlm.weights();
  model::each_decoder_linear(weights, [&](const std::string& name, model::Linear& linear) {
    if (linear.weight.held) add(name + ".weight", linear.weight.get(weights.type));
  });
  return all;
}

Json dimensions(const model::Decoder& decoder) {
  Json norms = Json::array({decoder.norm.eps});
  for (const model::DecoderLayer& layer : decoder.layers)
    norms.push_back({layer.input_norm.eps, layer.q_norm.eps, layer.k_norm.eps, layer.post_norm.eps});
  return {{"heads", {decoder.heads, decoder.kv_heads, decoder.head_width}},
          {"rotary", {decoder.theta, decoder.axes.sections, decoder.axes.interleaved}},
          {"norms", norms}};
}

}  // namespace

std::string reference_key(policy::Policy& policy) {
  const at::NoGradGuard frozen;
  const model::Weights& weights = policy.lvlm.weights();
  const Json key = {{"version", kVersion},
                    {"format", 1},
                    {"type", static_cast<int>(weights.type)},
                    {"device", weights.device.is_cuda() ? "cuda" : "cpu"},
                    {"decoder", dimensions(weights.decoder)},
                    {"weights", contents(policy)}};
  return io::sha256(key.dump());
}

}  // namespace rrpo::data
