#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "rrpo/model/weights.h"
#include "rrpo/util/random.h"
#include "rrpo/util/table.h"

namespace rrpo::model {

namespace {

std::string leaf(const std::string& name) { return name.substr(name.rfind('.') + 1); }

void check_targets(Weights& weights, const LoraConfig& config) {
  std::vector<std::string> known;
  each_decoder_linear(weights, [&known](const std::string& name, Linear&) {
    if (std::find(known.begin(), known.end(), leaf(name)) == known.end()) known.push_back(leaf(name));
  });
  if (config.targets.empty()) throw Error(Fault::usage, "config", "lora.targets: empty", "name some of: " + join(known));
  for (const std::string& target : config.targets) {
    if (std::find(known.begin(), known.end(), target) == known.end()) {
      throw Error(Fault::usage, "config", "lora.targets: '" + target + "' is no linear of the decoder",
                  "name some of: " + join(known));
    }
  }
  if (config.rank < 1) throw Error(Fault::usage, "config", "lora.rank: must be at least 1", "lora.rank=8");
}

at::Tensor uniform(std::vector<int64_t> shape, double bound, Random random) {
  at::Tensor values = at::empty(shape, at::kDouble);
  double* out = values.mutable_data_ptr<double>();
  for (int64_t i = 0; i < values.numel(); ++i) out[i] = random.uniform(-bound, bound);
  return values;
}

}  // namespace

double lora_divisor(int64_t rank, bool by_root) {
  return by_root ? std::sqrt(static_cast<double>(rank)) : static_cast<double>(rank);
}

void add_adapter(Lvlm& lvlm, const LoraConfig& config, uint64_t seed) {
  Weights& weights = lvlm.weights();
  check_targets(weights, config);
  const auto options = at::TensorOptions(weights.device).dtype(weights.type == at::kDouble ? at::kDouble : at::kFloat);
  each_decoder_linear(weights, [&](const std::string& name, Linear& linear) {
    linear.lora = {};
    if (std::find(config.targets.begin(), config.targets.end(), leaf(name)) == config.targets.end()) return;
    const int64_t out = linear.weight.size(0), in = linear.weight.size(1);
    const double bound = 1 / std::sqrt(static_cast<double>(in));
    linear.lora.a = weights.device.is_meta()
                        ? at::empty({config.rank, in}, options)
                        : uniform({config.rank, in}, bound, Random(seed, "lora", hash64(name))).to(options);
    linear.lora.b = at::zeros({out, config.rank}, options);
    linear.lora.scale = config.alpha / lora_divisor(config.rank, config.by_root);
  });
  weights.adapter = config;
}

std::vector<NamedTensor> adapter_tensors(Lvlm& lvlm) {
  std::vector<NamedTensor> all;
  each_decoder_linear(lvlm.weights(), [&all](const std::string& name, Linear& linear) {
    if (!linear.lora.a.defined()) return;
    all.push_back(
        {"base_model.model." + name + ".lora_A.weight", &linear.lora.a, linear.lora.a.sizes().vec(), Part::decoder});
    all.push_back(
        {"base_model.model." + name + ".lora_B.weight", &linear.lora.b, linear.lora.b.sizes().vec(), Part::decoder});
  });
  return all;
}

}  // namespace rrpo::model
