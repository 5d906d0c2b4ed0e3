#include "lora.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "rrpo/model/family.h"
#include "rrpo/util/random.h"
#include "rrpo/util/table.h"

namespace rrpo::model {

namespace {

/// One of `lora.targets`, taken apart.
struct Target {
  std::optional<Part> part;
  std::string name;
  bool all() const { return name == "all-linear"; }
  bool last_part() const { return name.find('.') == std::string::npos; }
};

Target parse_target(const std::string& text) {
  constexpr std::array<std::pair<std::string_view, Part>, 3> kParts = {
      {{"vision:", Part::vision}, {"projector:", Part::projector}, {"decoder:", Part::decoder}}};
  for (const auto& [begin, part] : kParts) {
    if (text.starts_with(begin)) return {part, text.substr(begin.size())};
  }
  return {std::nullopt, text};
}

bool names(const std::string& target, const std::string& module) {
  return module == target || module.ends_with("." + target);
}

/// The modules that one target selects.
std::set<std::string> selected(const Target& target, const Family* family, const std::vector<NamedLinear>& linears) {
  std::set<std::string> decoder, eye;
  for (const NamedLinear& one : linears) {
    if (target.part && *target.part != one.part) continue;
    const bool meant = target.all() || names(target.name, one.module) ||
                       (family != nullptr && names(target.name, module_name(*family, one.module)));
    if (meant) (one.part == Part::decoder ? decoder : eye).insert(one.module);
  }
  const bool decoder_alone = !target.part && !target.all() && target.last_part() && !decoder.empty();
  if (!decoder_alone) decoder.merge(eye);
  return decoder;
}

/// The last parts of the linears' names, those of the decoder first.
std::vector<std::string> known_leaves(const std::vector<NamedLinear>& linears) {
  std::vector<std::string> known;
  for (const bool decoder : {true, false}) {
    for (const NamedLinear& one : linears) {
      if ((one.part == Part::decoder) != decoder) continue;
      if (std::find(known.begin(), known.end(), leaf(one.module)) == known.end()) known.push_back(leaf(one.module));
    }
  }
  return known;
}

void check_targets(Weights& weights, const LoraConfig& config) {
  const std::vector<NamedLinear> linears = named_linears(weights);
  const std::string fix = "name some of: " + join(known_leaves(linears)) + ", all-linear";
  if (config.targets.empty()) throw Error(Fault::usage, "config", "lora.targets: empty", fix);
  for (const std::string& target : config.targets) {
    if (!selected(parse_target(target), find_row(families(), weights.family), linears).empty()) continue;
    throw Error(Fault::usage, "config", "lora.targets: '" + printable(target, 80) + "' is no linear of the model", fix);
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

std::string leaf(const std::string& name) { return name.substr(name.rfind('.') + 1); }

const char* part_name(Part part) {
  switch (part) {
    case Part::vision:
      return "the vision tower";
    case Part::projector:
      return "the projector";
    case Part::decoder:
      return "the decoder";
  }
  return "the model";
}

double lora_divisor(int64_t rank, bool by_root) {
  return by_root ? std::sqrt(static_cast<double>(rank)) : static_cast<double>(rank);
}

std::vector<NamedLinear> named_linears(Weights& weights) {
  std::vector<NamedTensor> eye;
  Listing list(eye);
  weights.vision->list(list);
  std::map<std::string, Part> parts;
  for (const NamedTensor& tensor : eye) parts.emplace(tensor.name, tensor.part);
  std::vector<NamedLinear> linears;
  each_linear(weights, [&](const std::string& module, Linear& linear) {
    const auto part = parts.find(module + ".weight");
    if (linear.weight.defined()) linears.push_back({module, &linear, part == parts.end() ? Part::decoder : part->second});
  });
  return linears;
}

std::map<std::string, Frozen*> decoder_matrices(Weights& weights) {
  std::map<std::string, Frozen*> matrices;
  each_decoder_linear(weights, [&matrices](const std::string& module, Linear& linear) {
    matrices.emplace(module + ".weight", &linear.weight);
  });
  return matrices;
}

at::Tensor with_lora(const at::Tensor& weight, const Lora& lora) {
  const at::ScalarType wide = weight.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto widened = [&](const at::Tensor& part) { return part.detach().to(weight.device(), wide); };
  return widened(lora.b).mm(widened(lora.a)).mul_(lora.scale).add_(widened(weight));
}

std::vector<std::string> targeted_modules(const Lvlm& lvlm, const std::vector<std::string>& targets) {
  Weights& weights = const_cast<Lvlm&>(lvlm).weights();
  const std::vector<NamedLinear> linears = named_linears(weights);
  std::set<std::string> chosen;
  for (const std::string& target : targets)
    chosen.merge(selected(parse_target(target), find_row(families(), weights.family), linears));
  std::vector<std::string> modules;
  for (const NamedLinear& one : linears) {
    if (chosen.contains(one.module)) modules.push_back(one.module);
  }
  return modules;
}

void add_adapter(Lvlm& lvlm, const LoraConfig& config, uint64_t seed) {
  Weights& weights = lvlm.weights();
  check_targets(weights, config);
  const std::vector<std::string> modules = targeted_modules(lvlm, config.targets);
  const std::set<std::string> chosen(modules.begin(), modules.end());
  const auto options = at::TensorOptions(weights.device).dtype(weights.type == at::kDouble ? at::kDouble : at::kFloat);
  each_linear(weights, [&](const std::string& name, Linear& linear) {
    linear.lora = {};
    if (!chosen.contains(name)) return;
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
  for (const NamedLinear& one : named_linears(lvlm.weights())) {
    Lora& lora = one.linear->lora;
    if (!lora.a.defined()) continue;
    all.push_back({"base_model.model." + one.module + ".lora_A.weight", &lora.a, lora.a.sizes().vec(), one.part});
    all.push_back({"base_model.model." + one.module + ".lora_B.weight", &lora.b, lora.b.sizes().vec(), one.part});
  }
  return all;
}

}  // namespace rrpo::model
