// Adapters in PEFT's form: adapter_config.json and adapter_model.safetensors.
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "rrpo/io/atomic.h"
#include "rrpo/model/family.h"
#include "rrpo/model/weights.h"
#include "rrpo/util/table.h"
#include "tensor_io.h"

namespace rrpo::model {

namespace fs = std::filesystem;

namespace {

/// What an adapter_config.json fixes.
struct PeftConfig {
  int64_t rank = 0;
  double alpha = 0;
  bool by_root = false;              ///< scale = alpha / sqrt(rank)
  bool all = false;                  ///< "all-linear"
  std::vector<std::string> targets;  ///< module names or their last parts
  double scale() const { return alpha / (by_root ? std::sqrt(static_cast<double>(rank)) : static_cast<double>(rank)); }
  bool names(const std::string& module) const {
    return all || std::any_of(targets.begin(), targets.end(), [&module](const std::string& target) {
             return module == target || module.ends_with("." + target);
           });
  }
};

class PeftReader {
 public:
  explicit PeftReader(const fs::path& file) : file_(file), json_(read_json(file, "adapter")) {
    if (!json_.is_object()) refuse("", "not an object");
  }

  PeftConfig read() const {
    if (value("peft_type") != Json("LORA")) refuse("peft_type", "only LORA is supported");
    for (const char* key : {"use_dora", "fan_in_fan_out", "modules_to_save", "rank_pattern", "alpha_pattern", "lora_bias",
                            "layers_to_transform", "layer_replication", "trainable_token_indices", "exclude_modules"}) {
      if (!unset(value(key))) refuse(key, "this setting is not supported");
    }
    if (!unset(value("bias")) && value("bias") != Json("none")) refuse("bias", "only none is supported");
    PeftConfig config;
    if (!value("r").is_number_integer() || value("r").get<double>() < 1 || value("r").get<double>() > 65536) {
      refuse("r", "not a rank from 1 to 65536");
    }
    config.rank = value("r").get<int64_t>();
    if (!value("lora_alpha").is_number() || !std::isfinite(value("lora_alpha").get<double>()))
      refuse("lora_alpha", "not a number");
    config.alpha = value("lora_alpha").get<double>();
    config.by_root = value("use_rslora") == Json(true);
    read_targets(config);
    return config;
  }

 private:
  /// Absent, false, or empty: as if it were not there.
  static bool unset(const Json& json) {
    return json.is_null() || json == Json(false) || (json.is_structured() && json.empty());
  }

  Json value(const std::string& key) const { return json_.value(key, Json()); }

  [[noreturn]] void refuse(const std::string& key, const std::string& problem) const {
    throw Error(Fault::input, "adapter", file_.string() + "#" + key + ": " + problem,
                "use a plain LoRA adapter of the decoder's linears, or merge this one with PEFT");
  }

  void read_targets(PeftConfig& config) const {
    const Json targets = value("target_modules");
    if (targets == Json("all-linear")) {
      config.all = true;
      return;
    }
    if (!targets.is_array() || targets.empty()) {
      refuse("target_modules", "neither a list of module names nor all-linear (regular expressions are not supported)");
    }
    for (const Json& target : targets) {
      if (!target.is_string()) refuse("target_modules", "holds something that is no name");
      config.targets.push_back(target.get<std::string>());
    }
  }

  fs::path file_;
  Json json_;
};

const std::string kPeftPrefix = "base_model.model.";

const Family& family_named(const std::string& name) {
  const Family* family = find_row(families(), name);
  expect(family != nullptr, "a model of no family");
  return *family;
}

/// Canonical key of an adapter tensor: module names of the original, or its names on disk.
std::string canonical_key(const Family& family, const std::string& key) {
  return key.starts_with(kPeftPrefix) ? kPeftPrefix + family.canonical(key.substr(kPeftPrefix.size())) : key;
}

std::vector<std::pair<std::string, io::TensorEntry>> adapter_entries(const Family& family, const fs::path& folder) {
  const fs::path file = folder / "adapter_model.safetensors";
  if (!fs::exists(file)) {
    const bool pickle = fs::exists(folder / "adapter_model.bin");
    throw Error(Fault::input, "adapter",
                file.string() + ": missing" + (pickle ? "; adapter_model.bin is a pickle, which is not read" : ""),
                pickle ? "convert it with scripts/convert_checkpoint.py" : "model.adapter must be a PEFT folder");
  }
  std::vector<std::pair<std::string, io::TensorEntry>> found;
  for (io::TensorEntry& entry : io::read_safetensors_header(file)) {
    std::string key = canonical_key(family, entry.name);
    found.emplace_back(std::move(key), std::move(entry));
  }
  return found;
}

/// What PEFT 0.13.2 writes; later releases fill in the rest.
Json peft_json(const LoraConfig& adapter, const std::vector<std::string>& modules, const std::string& base) {
  Json json = Json::object();
  for (const char* key : {"alpha_pattern",
                          "auto_mapping",
                          "base_model_name_or_path",
                          "bias",
                          "fan_in_fan_out",
                          "inference_mode",
                          "init_lora_weights",
                          "layer_replication",
                          "layers_pattern",
                          "layers_to_transform",
                          "loftq_config",
                          "lora_alpha",
                          "lora_dropout",
                          "megatron_config",
                          "megatron_core",
                          "modules_to_save",
                          "peft_type",
                          "r",
                          "rank_pattern",
                          "revision",
                          "target_modules",
                          "task_type",
                          "use_dora",
                          "use_rslora"}) {
    json[key] = nullptr;
  }
  for (const char* key : {"alpha_pattern", "rank_pattern", "loftq_config"}) json[key] = Json::object();
  for (const char* key : {"fan_in_fan_out", "use_dora", "use_rslora"}) json[key] = false;
  json["base_model_name_or_path"] = base;
  json["bias"] = "none";
  json["inference_mode"] = json["init_lora_weights"] = true;
  const bool whole = adapter.alpha == std::floor(adapter.alpha) && std::abs(adapter.alpha) < 1e15;
  json["lora_alpha"] = whole ? Json(static_cast<int64_t>(adapter.alpha)) : Json(adapter.alpha);
  json["lora_dropout"] = 0.0;
  json["megatron_core"] = "megatron.core";
  json["peft_type"] = "LORA";
  json["r"] = adapter.rank;
  json["target_modules"] = modules;
  json["task_type"] = "CAUSAL_LM";
  return json;
}

std::string leaf(const std::string& name) { return name.substr(name.rfind('.') + 1); }

void set_shape(Lora& lora, const Linear& linear, const PeftConfig& peft) {
  const auto shape_only = at::TensorOptions(at::kMeta).dtype(at::kFloat);
  lora.a = at::empty({peft.rank, linear.weight.size(1)}, shape_only);
  lora.b = at::empty({linear.weight.size(0), peft.rank}, shape_only);
  lora.scale = peft.scale();
}

}  // namespace

void load_adapter(Lvlm& lvlm, const fs::path& folder) {
  Weights& weights = lvlm.weights();
  const fs::path file = folder / "adapter_config.json";
  if (!fs::exists(file))
    throw Error(Fault::input, "adapter", file.string() + ": missing", "model.adapter must be a PEFT folder");
  const Family& family = family_named(weights.family);
  const PeftConfig peft = PeftReader(file).read();
  const auto entries = adapter_entries(family, folder);
  LoraConfig config{peft.rank, peft.scale() * static_cast<double>(peft.rank), {}};
  each_decoder_linear(weights, [&](const std::string& name, Linear& linear) {
    linear.lora = {};
    if (!peft.names(name) && !peft.names(module_name(family, name))) return;
    set_shape(linear.lora, linear, peft);
    if (std::find(config.targets.begin(), config.targets.end(), leaf(name)) == config.targets.end()) {
      config.targets.push_back(leaf(name));
    }
  });
  weights.adapter = config;
  const at::ScalarType type = weights.type == at::kDouble ? at::kDouble : at::kFloat;
  try {
    fill_tensors(adapter_tensors(lvlm), entries, type, weights.device, "adapter", folder);
  } catch (...) {
    each_decoder_linear(weights, [](const std::string&, Linear& linear) { linear.lora = {}; });
    weights.adapter.reset();
    throw;
  }
}

void save_adapter(const Lvlm& lvlm, const fs::path& folder, const std::string& base) {
  Weights& weights = const_cast<Lvlm&>(lvlm).weights();
  expect(weights.adapter.has_value(), "an adapter is saved that is not there");
  const Family& family = family_named(weights.family);
  std::vector<std::string> modules;
  std::vector<std::pair<std::string, at::Tensor>> named;
  each_decoder_linear(weights, [&](const std::string& name, Linear& linear) {
    if (!linear.lora.a.defined()) return;
    const std::string module = module_name(family, name);
    modules.push_back(module);
    named.emplace_back(kPeftPrefix + module + ".lora_A.weight", linear.lora.a);
    named.emplace_back(kPeftPrefix + module + ".lora_B.weight", linear.lora.b);
  });
  io::write_json(folder / "adapter_config.json", peft_json(*weights.adapter, modules, base));
  write_tensors(folder / "adapter_model.safetensors", named, weights.type == at::kDouble ? at::kDouble : at::kFloat);
}

}  // namespace rrpo::model
