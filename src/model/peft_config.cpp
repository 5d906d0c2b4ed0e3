#include "peft_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "adapter_folder.h"
#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"

namespace rrpo::model {

namespace fs = std::filesystem;

namespace {

bool matches(const Pattern& pattern, const std::string& name) {
  const std::optional<bool> found = pattern.fullmatch(name);
  if (found) return *found;
  throw Error(Fault::input, "adapter", "adapter_config.json: a regular expression takes too many steps on " + name,
              "name the modules, or write a simpler expression");
}

bool has(const Selection& selection, const std::string& name) {
  if (selection.pattern) return matches(*selection.pattern, name);
  return std::any_of(selection.names.begin(), selection.names.end(),
                     [&name](const std::string& target) { return name == target || name.ends_with("." + target); });
}

double first(const Overrides& overrides, const ModuleNames& module, double standard) {
  for (const auto& [pattern, value] : overrides) {
    for (const std::string& name : module) {
      if (matches(pattern, name)) return value;
    }
  }
  return standard;
}

/// True where `before` may stand in front of the number of a layer.
bool precedes_layer(const PeftConfig& config, const std::string& before) {
  if (config.layers_pattern.empty()) return before.find('.') != std::string::npos;
  return std::any_of(config.layers_pattern.begin(), config.layers_pattern.end(),
                     [&before](const Pattern& pattern) { return matches(pattern, before); });
}

/// True when the first number of `name` that may be a layer's is one of those that are adapted.
bool in_layers(const PeftConfig& config, const std::string& name) {
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    const size_t end = name.find('.', dot + 1);
    if (end == std::string::npos) return false;
    const std::string part = name.substr(dot + 1, end - dot - 1);
    if (part.empty() || part.size() > 9 || part.find_first_not_of("0123456789") != std::string::npos) continue;
    if (!precedes_layer(config, name.substr(0, dot))) continue;
    return std::find(config.layers.begin(), config.layers.end(), std::stoll(part)) != config.layers.end();
  }
  return false;
}

/// Layers count only where a name is met by its last part, as in PEFT.
bool selects_name(const PeftConfig& config, const std::string& name) {
  const Selection& targets = config.targets;
  if (!has(targets, name)) return false;
  const bool whole = targets.pattern || std::find(targets.names.begin(), targets.names.end(), name) != targets.names.end();
  return whole || config.layers.empty() || in_layers(config, name);
}

/// True for a module that `modules_to_save` names, and for those inside of it: such a one carries no adapter.
bool is_saved(const PeftConfig& config, const std::string& module) {
  const std::string path = "." + module + ".";
  return std::any_of(config.saved.begin(), config.saved.end(),
                     [&path](const std::string& saved) { return path.find("." + saved + ".") != std::string::npos; });
}

/// `all-linear` in any case, as PEFT reads it.
bool is_all(const Json& targets) {
  if (!targets.is_string()) return false;
  std::string word = targets.get<std::string>();
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return word == "all-linear";
}

/// Settings of PEFT 0.21 that change what an adapter computes and that we do not compute.
constexpr std::array kUnsupported = {
    "use_dora",          "fan_in_fan_out",          "lora_bias",         "layer_replication", "trainable_token_indices",
    "target_parameters", "alora_invocation_tokens", "use_qalora",        "use_bdlora",        "arrow_config",
    "kasa_config",       "velora_config",           "monteclora_config", "megatron_config"};

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
    check_bias();
    check_start();
    check_unknown();
    PeftConfig config;
    config.rank = static_cast<int64_t>(rank("r", value("r")));
    config.alpha = number("lora_alpha", value("lora_alpha"));
    config.by_root = value("use_rslora") == Json(true);
    config.trains_bias = !unset(value("bias")) && value("bias") != Json("none");
    config.all = is_all(value("target_modules"));
    if (!config.all) config.targets = selection("target_modules");
    if (!unset(value("exclude_modules"))) config.excluded = selection("exclude_modules");
    config.ranks = overrides("rank_pattern", &PeftReader::rank);
    config.alphas = overrides("alpha_pattern", &PeftReader::number);
    read_layers(config);
    if (!unset(value("modules_to_save"))) config.saved = selection("modules_to_save").names;
    return config;
  }

 private:
  /// Absent, false, or empty: as if it were not there.
  static bool unset(const Json& json) {
    return json.is_null() || json == Json(false) || json == Json("") || (json.is_structured() && json.empty());
  }

  Json value(const std::string& key) const { return json_.value(key, Json()); }

  [[noreturn]] void refuse(const std::string& key, const std::string& problem) const {
    throw Error(Fault::input, "adapter", file_.string() + "#" + key + ": " + problem, kMergeWithPeft);
  }

  void check_bias() const {
    const Json bias = value("bias");
    if (unset(bias)) return;
    for (const char* known : {"none", "all", "lora_only"}) {
      if (bias == Json(known)) return;
    }
    refuse("bias", "none of: none, all, lora_only");
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

  /// PEFT switches what an adapter computes by settings called `use_…`: one that a later release adds is refused too.
  void check_unknown() const {
    for (const auto& [key, given] : json_.items()) {
      if (key.starts_with("use_") && key != "use_rslora" && !unset(given)) refuse(key, "this setting is not supported");
    }
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

}  // namespace

bool PeftConfig::selects(const ModuleNames& module) const {
  const auto any = [&module](const auto& holds) { return std::any_of(module.begin(), module.end(), holds); };
  if (any([this](const std::string& name) { return has(excluded, name) || is_saved(*this, name); })) return false;
  return all || any([this](const std::string& name) { return selects_name(*this, name); });
}

int64_t PeftConfig::rank_of(const ModuleNames& module) const {
  return static_cast<int64_t>(first(ranks, module, static_cast<double>(rank)));
}

double PeftConfig::alpha_of(const ModuleNames& module) const { return first(alphas, module, alpha); }

bool saved_holds(const std::string& saved, const std::string& name) { return name.find(saved + ".") != std::string::npos; }

PeftConfig read_peft_config(const fs::path& file) { return PeftReader(file).read(); }

}  // namespace rrpo::model
