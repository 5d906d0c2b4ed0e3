// Adapters in PEFT's form: adapter_config.json and adapter_model.safetensors.
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "rrpo/io/atomic.h"
#include "rrpo/model/family.h"
#include "rrpo/model/weights.h"
#include "rrpo/util/pattern.h"
#include "rrpo/util/table.h"
#include "tensor_io.h"

namespace rrpo::model {

namespace fs = std::filesystem;

namespace {

const std::string kPeftPrefix = "base_model.model.";

/// The names under which an adapter may know one module of ours: transformers 5's (canonical), and the one of the files on
/// disk.
using ModuleNames = std::vector<std::string>;

/// Module names as PEFT selects them: a regular expression that matches whole names, or names and their last parts.
struct Selection {
  std::optional<Pattern> pattern;
  std::vector<std::string> names;
};

/// What `rank_pattern` or `alpha_pattern` gives: the first expression that matches the end of a name counts.
using Overrides = std::vector<std::pair<Pattern, double>>;

/// The rules of an adapter_config.json: which modules it adapts, with which rank and scale.
class PeftConfig {
 public:
  int64_t rank = 0;
  double alpha = 0;
  bool by_root = false;  ///< scale = alpha / sqrt(rank)
  bool all = false;      ///< "all-linear"
  Selection targets, excluded;
  Overrides ranks, alphas;
  std::vector<int64_t> layers;          ///< layers_to_transform; empty: all
  std::vector<Pattern> layers_pattern;  ///< what may stand before a layer's number

  int64_t rank_of(const ModuleNames& module) const {
    return static_cast<int64_t>(first(ranks, module, static_cast<double>(rank)));
  }
  double alpha_of(const ModuleNames& module) const { return first(alphas, module, alpha); }
  bool selects(const ModuleNames& module) const {
    const auto any = [&module](const auto& holds) { return std::any_of(module.begin(), module.end(), holds); };
    if (any([this](const std::string& name) { return has(excluded, name); })) return false;
    return all || any([this](const std::string& name) { return selects_name(name); });
  }

 private:
  static bool matches(const Pattern& pattern, const std::string& name) {
    const std::optional<bool> found = pattern.fullmatch(name);
    if (found) return *found;
    throw Error(Fault::input, "adapter", "adapter_config.json: a regular expression takes too many steps on " + name,
                "name the modules, or write a simpler expression");
  }
  static bool has(const Selection& selection, const std::string& name) {
    if (selection.pattern) return matches(*selection.pattern, name);
    return std::any_of(selection.names.begin(), selection.names.end(),
                       [&name](const std::string& target) { return name == target || name.ends_with("." + target); });
  }
  static double first(const Overrides& overrides, const ModuleNames& module, double standard) {
    for (const auto& [pattern, value] : overrides) {
      for (const std::string& name : module) {
        if (matches(pattern, name)) return value;
      }
    }
    return standard;
  }
  bool selects_name(const std::string& name) const {
    if (!has(targets, name)) return false;
    const bool whole = targets.pattern || std::find(targets.names.begin(), targets.names.end(), name) != targets.names.end();
    return whole || layers.empty() || in_layers(name);
  }
  /// The first number among the parts of `name` that has the right part before it.
  bool in_layers(const std::string& name) const {
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
      const size_t end = name.find('.', dot + 1);
      if (end == std::string::npos) return false;
      const std::string part = name.substr(dot + 1, end - dot - 1), before = name.substr(0, dot);
      if (part.empty() || part.size() > 9 || part.find_first_not_of("0123456789") != std::string::npos) continue;
      const bool fits = layers_pattern.empty() ? before.find('.') != std::string::npos
                                               : std::any_of(layers_pattern.begin(), layers_pattern.end(),
                                                             [&before](const Pattern& p) { return matches(p, before); });
      if (fits) return std::find(layers.begin(), layers.end(), std::stoll(part)) != layers.end();
    }
    return false;
  }
};

/// Settings of PEFT 0.21 that change what an adapter computes and that we do not compute.
constexpr std::array kUnsupported = {"use_dora",          "fan_in_fan_out",
                                     "modules_to_save",   "lora_bias",
                                     "layer_replication", "trainable_token_indices",
                                     "target_parameters", "alora_invocation_tokens",
                                     "use_qalora",        "use_bdlora",
                                     "arrow_config",      "kasa_config",
                                     "velora_config",     "monteclora_config",
                                     "megatron_config"};

class PeftReader {
 public:
  explicit PeftReader(const fs::path& file) : file_(file), json_(read_json(file, "adapter")) {
    if (!json_.is_object()) refuse("", "not an object");
  }

  PeftConfig read() const {
    if (value("peft_type") != Json("LORA")) refuse("peft_type", "only LORA is supported");
    for (const char* key : kUnsupported) {
      if (!unset(value(key))) refuse(key, "this setting is not supported");
    }
    if (!unset(value("bias")) && value("bias") != Json("none")) refuse("bias", "only none is supported");
    check_start();
    PeftConfig config;
    config.rank = static_cast<int64_t>(rank("r", value("r")));
    config.alpha = number("lora_alpha", value("lora_alpha"));
    config.by_root = value("use_rslora") == Json(true);
    config.all = value("target_modules") == Json("all-linear");
    if (!config.all) config.targets = selection("target_modules");
    if (!unset(value("exclude_modules"))) config.excluded = selection("exclude_modules");
    config.ranks = overrides("rank_pattern", &PeftReader::rank);
    config.alphas = overrides("alpha_pattern", &PeftReader::number);
    read_layers(config);
    return config;
  }

 private:
  /// Absent, false, or empty: as if it were not there.
  static bool unset(const Json& json) {
    return json.is_null() || json == Json(false) || json == Json("") || (json.is_structured() && json.empty());
  }

  Json value(const std::string& key) const { return json_.value(key, Json()); }

  [[noreturn]] void refuse(const std::string& key, const std::string& problem) const {
    throw Error(Fault::input, "adapter", file_.string() + "#" + key + ": " + problem,
                "use a plain LoRA adapter of the decoder's linears, or merge this one with PEFT");
  }

  /// Starting values that replace the base's weights by what they leave: such an adapter belongs to another base.
  void check_start() const {
    const Json start = value("init_lora_weights");
    if (!start.is_string()) return;
    for (const char* harmless : {"gaussian", "eva", "orthogonal"}) {
      if (start == Json(harmless)) return;
    }
    refuse("init_lora_weights",
           "'" + printable(start.get<std::string>(), 40) + "' changes the base's weights, which is not supported");
  }

  double rank(const std::string& key, const Json& json) const {
    if (!json.is_number_integer() || json.get<double>() < 1 || json.get<double>() > 65536)
      refuse(key, "not a rank from 1 to 65536");
    return json.get<double>();
  }
  double number(const std::string& key, const Json& json) const {
    if (!json.is_number() || !std::isfinite(json.get<double>())) refuse(key, "not a number");
    return json.get<double>();
  }

  Pattern pattern(const std::string& key, const std::string& text) const {
    std::string problem;
    std::optional<Pattern> parsed = Pattern::parse(text, problem);
    if (!parsed) refuse(key, "regular expression '" + printable(text, 60) + "': " + problem);
    return *parsed;
  }

  Selection selection(const std::string& key) const {
    const Json json = value(key);
    if (json.is_string()) return {pattern(key, json.get<std::string>()), {}};
    if (!json.is_array() || json.empty()) refuse(key, "neither a list of module names nor a regular expression");
    Selection selection;
    for (const Json& name : json) {
      if (!name.is_string()) refuse(key, "holds something that is no name");
      selection.names.push_back(name.get<std::string>());
    }
    return selection;
  }

  Overrides overrides(const std::string& key, double (PeftReader::*read)(const std::string&, const Json&) const) const {
    Overrides found;
    const Json json = value(key);
    if (unset(json)) return found;
    if (!json.is_object()) refuse(key, "not an object");
    for (const auto& [text, given] : json.items()) {
      found.emplace_back(pattern(key, "(.*\\.)?(" + text + ")$"), (this->*read)(key, given));
    }
    return found;
  }

  void read_layers(PeftConfig& config) const {
    Json layers = value("layers_to_transform");
    if (layers.is_null() || (layers.is_array() && layers.empty())) return;
    if (!layers.is_array()) layers = Json::array({layers});
    for (const Json& layer : layers) {
      if (!layer.is_number_integer()) refuse("layers_to_transform", "holds something that is no number of a layer");
      config.layers.push_back(layer.get<int64_t>());
    }
    Json patterns = value("layers_pattern");
    if (unset(patterns)) return;
    if (!patterns.is_array()) patterns = Json::array({patterns});
    for (const Json& one : patterns) {
      if (!one.is_string()) refuse("layers_pattern", "holds something that is no name");
      config.layers_pattern.push_back(pattern("layers_pattern", "(?:.*\\.)?" + one.get<std::string>()));
    }
  }

  fs::path file_;
  Json json_;
};

/// Canonical key of an adapter tensor. PEFT's own keys hold transformers' module names; other layouts are the family's old
/// names of tensors, and wrappers of trainers leave parts of their own.
std::string canonical_key(const Family& family, std::string key) {
  for (const std::string wrapper : {"_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", ".default"}) {
    for (size_t at = key.find(wrapper); at != std::string::npos; at = key.find(wrapper)) key.erase(at, wrapper.size());
  }
  if (!key.starts_with(kPeftPrefix)) return key;
  return kPeftPrefix + family.canonical(key.substr(kPeftPrefix.size()));
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

}  // namespace

void load_adapter(Lvlm& lvlm, const fs::path& folder) {
  Weights& weights = lvlm.weights();
  const fs::path file = folder / "adapter_config.json";
  if (!fs::exists(file))
    throw Error(Fault::input, "adapter", file.string() + ": missing", "model.adapter must be a PEFT folder");
  const Family& family = family_named(weights.family);
  const PeftConfig peft = PeftReader(file).read();
  const auto entries = adapter_entries(family, folder);
  const at::ScalarType type = weights.type == at::kDouble ? at::kDouble : at::kFloat;
  try {
    weights.adapter = shape_adapter(weights, family, peft);
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
  Json config = peft_json(*weights.adapter, base);
  std::vector<std::pair<std::string, at::Tensor>> named;
  each_decoder_linear(weights, [&](const std::string& name, Linear& linear) {
    if (!linear.lora.a.defined()) return;
    config["target_modules"].push_back(name);
    add_overrides(config, *weights.adapter, name, linear.lora);
    named.emplace_back(kPeftPrefix + name + ".lora_A.weight", linear.lora.a);
    named.emplace_back(kPeftPrefix + name + ".lora_B.weight", linear.lora.b);
  });
  io::write_json(folder / "adapter_config.json", config);
  write_tensors(folder / "adapter_model.safetensors", named, weights.type == at::kDouble ? at::kDouble : at::kFloat);
}

}  // namespace rrpo::model
