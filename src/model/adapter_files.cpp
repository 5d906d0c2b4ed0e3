// Adapters in PEFT's form: adapter_config.json and adapter_model.safetensors.
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

#include "adapter_folder.h"
#include "peft_config.h"
#include "rrpo/io/atomic.h"
#include "rrpo/model/family.h"
#include "rrpo/model/weights.h"
#include "rrpo/util/table.h"
#include "tensor_io.h"

namespace rrpo::model {

namespace fs = std::filesystem;

namespace {

const std::string kPeftPrefix = "base_model.model.";

/// Canonical key of an adapter tensor. PEFT's own keys hold transformers' module names; other layouts are the family's old
/// names of tensors, and wrappers of trainers leave parts of their own.
std::string canonical_key(const Family& family, std::string key) {
  for (const std::string wrapper : {"_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", ".modules_to_save",
                                    ".base_layer", ".default"}) {
    for (size_t at = key.find(wrapper); at != std::string::npos; at = key.find(wrapper)) key.erase(at, wrapper.size());
  }
  if (!key.starts_with(kPeftPrefix)) return key;
  return kPeftPrefix + family.canonical(key.substr(kPeftPrefix.size()));
}

Entries adapter_entries(const Family& family, const fs::path& folder) {
  const fs::path file = folder / "adapter_model.safetensors";
  if (!fs::exists(file)) {
    const bool pickle = fs::exists(folder / "adapter_model.bin");
    throw Error(Fault::input, "adapter",
                file.string() + ": missing" + (pickle ? "; adapter_model.bin is a pickle, which is not read" : ""),
                pickle ? "convert it with scripts/convert_checkpoint.py" : "model.adapter must be a PEFT folder");
  }
  Entries found;
  for (io::TensorEntry& entry : io::read_safetensors_header(file)) {
    std::string key = canonical_key(family, entry.name);
    found.emplace_back(std::move(key), std::move(entry));
  }
  return found;
}

Json alpha_json(double alpha) {
  const bool whole = alpha == std::floor(alpha) && std::abs(alpha) < 1e15;
  return whole ? Json(static_cast<int64_t>(alpha)) : Json(alpha);
}

/// What PEFT 0.13.2 writes; later releases fill in the rest.
Json peft_json(const LoraConfig& adapter, const std::string& base) {
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
  for (const char* key : {"fan_in_fan_out", "use_dora"}) json[key] = false;
  json["use_rslora"] = adapter.by_root;
  json["base_model_name_or_path"] = base;
  json["bias"] = "none";
  json["inference_mode"] = json["init_lora_weights"] = true;
  json["lora_alpha"] = alpha_json(adapter.alpha);
  json["lora_dropout"] = 0.0;
  json["megatron_core"] = "megatron.core";
  json["peft_type"] = "LORA";
  json["r"] = adapter.rank;
  json["target_modules"] = Json::array();
  json["task_type"] = "CAUSAL_LM";
  return json;
}

std::string leaf(const std::string& name) { return name.substr(name.rfind('.') + 1); }

ModuleNames names_of(const Family& family, const std::string& module) {
  const std::string suffix = ".weight", disk = family.saved(module + suffix);
  return {module, disk.substr(0, disk.size() - suffix.size())};
}

void set_shape(Lora& lora, const Linear& linear, const PeftConfig& peft, const ModuleNames& module) {
  const auto shape_only = at::TensorOptions(at::kMeta).dtype(at::kFloat);
  const int64_t rank = peft.rank_of(module);
  lora.a = at::empty({rank, linear.weight.size(1)}, shape_only);
  lora.b = at::empty({linear.weight.size(0), rank}, shape_only);
  lora.scale = peft.alpha_of(module) / lora_divisor(rank, peft.by_root);
}

/// alpha of one linear, back from its scale; the digits that the division invented are rounded away.
double alpha_of(const Lora& lora, bool by_root) {
  const double alpha = lora.scale * lora_divisor(lora.a.size(0), by_root), nice = std::round(alpha * 1e6) / 1e6;
  return std::abs(alpha - nice) <= 1e-12 * std::abs(alpha) ? nice : alpha;
}

/// Where a linear's rank or alpha is not the adapter's, its full name says so.
void add_overrides(Json& json, const LoraConfig& adapter, const std::string& module, const Lora& lora) {
  const double alpha = alpha_of(lora, adapter.by_root);
  if (lora.a.size(0) != adapter.rank) json["rank_pattern"][module] = lora.a.size(0);
  if (std::abs(alpha - adapter.alpha) > 1e-12 * std::abs(alpha)) json["alpha_pattern"][module] = alpha_json(alpha);
}

const Family& family_named(const std::string& name) {
  const Family* family = find_row(families(), name);
  expect(family != nullptr, "a model of no family");
  return *family;
}

/// Gives the linears that `peft` selects the shapes of their adapters.
LoraConfig shape_adapter(Weights& weights, const Family& family, const PeftConfig& peft) {
  LoraConfig config{peft.rank, peft.alpha, {}, peft.by_root};
  each_decoder_linear(weights, [&](const std::string& name, Linear& linear) {
    linear.lora = {};
    const ModuleNames module = names_of(family, name);
    if (!peft.selects(module)) return;
    set_shape(linear.lora, linear, peft, module);
    if (std::find(config.targets.begin(), config.targets.end(), leaf(name)) == config.targets.end()) {
      config.targets.push_back(leaf(name));
    }
  });
  return config;
}

/// Every module that `modules_to_save` names has weights among the entries: what they are is looked at like any others.
void check_saved(const PeftConfig& peft, const Entries& entries, const fs::path& file) {
  for (const std::string& module : peft.saved) {
    const bool there = std::any_of(entries.begin(), entries.end(), [&module](const auto& entry) {
      return entry.first.ends_with("." + module + ".weight") || entry.first.find("." + module + ".") != std::string::npos;
    });
    if (there) continue;
    throw Error(Fault::input, "adapter",
                file.string() + "#modules_to_save: '" + printable(module, 60) + "' has no weights in the adapter's file",
                kMergeWithPeft);
  }
}

}  // namespace

void load_adapter(Lvlm& lvlm, const fs::path& folder) {
  Weights& weights = lvlm.weights();
  const fs::path file = folder / "adapter_config.json";
  if (!fs::exists(file))
    throw Error(Fault::input, "adapter", file.string() + ": missing", "model.adapter must be a PEFT folder");
  const Family& family = family_named(weights.family);
  const PeftConfig peft = read_peft_config(file);
  Entries entries = adapter_entries(family, folder);
  check_beside(folder);
  const at::ScalarType type = weights.type == at::kDouble ? at::kDouble : at::kFloat;
  try {
    weights.adapter = shape_adapter(weights, family, peft);
    check_saved(peft, entries, file);
    take_out_harmless(lvlm, folder, entries);
    if (weights.adapter->targets.empty()) {
      throw Error(Fault::input, "adapter", file.string() + "#target_modules: selects no linear of the decoder",
                  "take an adapter of this model's decoder");
    }
    fill_tensors(adapter_tensors(lvlm), entries, type, weights.device,
                 {"adapter", folder, "take an adapter of this base, on linears of its decoder only"});
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
  Json config = peft_json(*weights.adapter, base);
  std::vector<std::pair<std::string, at::Tensor>> named;
  each_decoder_linear(weights, [&](const std::string& name, Linear& linear) {
    if (!linear.lora.a.defined()) return;
    const std::string module = module_name(family, name);
    config["target_modules"].push_back(module);
    add_overrides(config, *weights.adapter, module, linear.lora);
    named.emplace_back(kPeftPrefix + module + ".lora_A.weight", linear.lora.a);
    named.emplace_back(kPeftPrefix + module + ".lora_B.weight", linear.lora.b);
  });
  io::write_json(folder / "adapter_config.json", config);
  write_tensors(folder / "adapter_model.safetensors", named, weights.type == at::kDouble ? at::kDouble : at::kFloat);
}

}  // namespace rrpo::model
