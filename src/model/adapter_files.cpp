// Adapters in PEFT's form: adapter_config.json and adapter_model.safetensors.
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "adapter_folder.h"
#include "lora.h"
#include "rrpo/io/atomic.h"
#include "rrpo/util/notes.h"
#include "rrpo/util/table.h"
#include "tensor_io.h"
#include "written_lora.h"

namespace rrpo::model {

namespace fs = std::filesystem;

namespace {

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

/// What is read of an adapter's folder.
struct Folder {
  const Family& family;
  fs::path config;
  PeftConfig peft;
  AdapterFile file;
};

[[noreturn]] void refuse_target(const Folder& folder, const std::string& problem, const std::string& fix) {
  throw Error(Fault::input, "adapter", folder.config.string() + "#target_modules: " + problem, fix);
}

/// The parts of the model that the file adapts.
std::set<Part> adapted_parts(const std::vector<NamedLinear>& linears, const AdapterFile& file) {
  std::set<Part> parts;
  for (const NamedLinear& one : linears) {
    if (file.modules.contains(one.module)) parts.insert(one.part);
  }
  return parts;
}

/// Gives the linears that the settings select the shapes of their adapters. A name such as `q_proj` meets linears of the eye
/// too. Where the file has nothing at all for tower or projector, it was made without them, or their adapters were left out:
/// PEFT then leaves that part as it is, and so do we.
LoraConfig shape_adapter(Weights& weights, const Folder& folder) {
  const PeftConfig& peft = folder.peft;
  LoraConfig config{peft.rank, peft.alpha, {}, peft.by_root};
  const std::vector<NamedLinear> linears = named_linears(weights);
  const std::set<Part> adapted = adapted_parts(linears, folder.file);
  std::set<Part> left;
  for (const NamedLinear& one : linears) {
    one.linear->lora = {};
    const ModuleNames names = names_of(folder.family, folder.file, one.module);
    if (!peft.selects(names)) {
      if (!folder.file.modules.contains(one.module)) continue;
      refuse_target(folder, "does not select '" + one.module + "', which adapter_model.safetensors adapts",
                    "take both files of one adapter");
    }
    if (one.part != Part::decoder && !adapted.contains(one.part)) {
      left.insert(one.part);
      continue;
    }
    set_shape(one.linear->lora, *one.linear, peft, names);
    const std::string target = one.part == Part::decoder ? leaf(one.module) : one.module;
    if (std::find(config.targets.begin(), config.targets.end(), target) == config.targets.end())
      config.targets.push_back(target);
  }
  for (const Part part : left) {
    if (peft.all || adapted.empty()) continue;
    log_note(folder.config.string() + "#target_modules: names linears of " + part_name(part) +
             " too, for which the file has nothing: they stay as they are");
  }
  return config;
}

/// PEFT adapts embeddings and convolutions too, in ways of their own.
void check_others(Lvlm& lvlm, const Folder& folder) {
  if (folder.peft.all) return;
  const std::vector<NamedLinear> linears = named_linears(lvlm.weights());
  const std::set<Part> adapted = adapted_parts(linears, folder.file);
  std::set<std::string> known;
  for (const NamedLinear& one : linears) known.insert(one.module);
  const std::string end = ".weight";
  for (const NamedTensor& tensor : tensors(lvlm)) {
    if (tensor.shape.size() < 2 || !tensor.name.ends_with(end)) continue;
    const std::string module = tensor.name.substr(0, tensor.name.size() - end.size());
    const bool left =
        tensor.part != Part::decoder && !adapted.contains(tensor.part) && !folder.file.modules.contains(module);
    if (left || known.contains(module) || !folder.peft.selects(names_of(folder.family, folder.file, module))) continue;
    refuse_target(folder, "selects '" + module + "', which is no linear that carries an adapter here", kMergeWithPeft);
  }
}

/// Every module that `modules_to_save` names has weights among the entries: what they are is looked at like any others.
void check_saved(const Folder& folder) {
  for (const std::string& module : folder.peft.saved) {
    const auto& entries = folder.file.entries;
    const bool there = std::any_of(entries.begin(), entries.end(), [&module](const auto& entry) {
      return saved_holds(module, entry.first) || saved_holds(module, entry.second.name);
    });
    if (there) continue;
    throw Error(
        Fault::input, "adapter",
        folder.config.string() + "#modules_to_save: '" + printable(module, 60) + "' has no weights in the adapter's file",
        kMergeWithPeft);
  }
}

/// Settings that the file does not bear out, and tensors that nothing needs.
void say_what_is_not_there(const Folder& folder) {
  const auto& entries = folder.file.entries;
  const bool biases =
      std::any_of(entries.begin(), entries.end(), [](const auto& entry) { return entry.first.ends_with(".bias"); });
  if (folder.peft.trains_bias && !biases)
    log_note(folder.config.string() + "#bias: the file holds no biases, those of the base are used");
  if (folder.file.unread > 0) {
    log_note(folder.config.parent_path().string() + ": " + std::to_string(folder.file.unread) +
             " tensors of modules that no answer depends on are not read");
  }
}

}  // namespace

void load_adapter(Lvlm& lvlm, const fs::path& path) {
  Weights& weights = lvlm.weights();
  expect(weights.replaced.empty(), "an adapter is read into a model that another one changed");
  const fs::path config = path / "adapter_config.json";
  if (!fs::exists(config))
    throw Error(Fault::input, "adapter", config.string() + ": missing", "model.adapter must be a PEFT folder");
  const Family& family = family_named(weights.family);
  Folder folder{family, config, read_peft_config(config), read_adapter_file(family, path)};
  check_beside(path);
  try {
    weights.adapter = shape_adapter(weights, folder);
    check_others(lvlm, folder);
    check_saved(folder);
    if (weights.adapter->targets.empty())
      refuse_target(folder, "selects no linear of the model", "take an adapter of this model");
    Entries& entries = folder.file.entries;
    say_what_is_not_there(folder);
    const SavedWeights saved = take_saved(lvlm, family, folder.peft, entries);
    take_out_harmless(lvlm, path, entries);
    fill_tensors(adapter_tensors(lvlm), entries, weights.type == at::kDouble ? at::kDouble : at::kFloat, weights.device,
                 {"adapter", path, "take an adapter of this base: its keys are those of other modules"});
    put_saved(weights, saved, path);
  } catch (...) {
    each_linear(weights, [](const std::string&, Linear& linear) { linear.lora = {}; });
    weights.adapter.reset();
    throw;
  }
}

bool replaces_weights(const Lvlm& lvlm) { return !lvlm.weights().replaced.empty(); }

void save_adapter(const Lvlm& lvlm, const fs::path& folder, const std::string& base) {
  Weights& weights = const_cast<Lvlm&>(lvlm).weights();
  expect(weights.adapter.has_value(), "an adapter is saved that is not there");
  const Family& family = family_named(weights.family);
  Json config = peft_json(*weights.adapter, base);
  std::vector<std::pair<std::string, at::Tensor>> named;
  for (const auto& [module, lora] : written_loras(weights, family)) {
    config["target_modules"].push_back(module);
    add_overrides(config, *weights.adapter, module, lora);
    named.emplace_back(kPeftPrefix + module + ".lora_A.weight", lora.a);
    named.emplace_back(kPeftPrefix + module + ".lora_B.weight", lora.b);
  }
  for (const auto& [name, tensor] : weights.replaced)
    named.emplace_back(kPeftPrefix + (family.own_modules ? family.saved(name) : name), tensor);
  if (!weights.replaced.empty()) config["modules_to_save"] = weights.adapter->saved_modules;
  io::write_json(folder / "adapter_config.json", config);
  write_tensors(folder / "adapter_model.safetensors", named, weights.type == at::kDouble ? at::kDouble : at::kFloat);
}

}  // namespace rrpo::model
