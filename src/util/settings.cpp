#include "rrpo/util/settings.h"

#include <algorithm>
#include <map>

#include "json_keys.h"

namespace rrpo {

namespace {

/// A type as FieldHelp names it, taken apart: `list of text or null`.
struct Type {
  explicit Type(std::string name) {
    nullable = name.ends_with(" or null");
    if (nullable) name.resize(name.size() - 8);
    list = name.starts_with("list of ");
    if (list) name.erase(0, 8);
    text = name == "text" || name == "path";
  }
  bool nullable = false, list = false, text = false;
};

/// The names that may stand below `path`; empty where `path` is a field, which may hold anything.
std::vector<std::string> names_below(const std::string& path, const std::vector<FieldHelp>& fields) {
  const std::string above = path.empty() ? "" : path + ".";
  std::vector<std::string> names;
  for (const FieldHelp& field : fields) {
    if (!field.path.starts_with(above)) continue;
    const std::string name = field.path.substr(above.size(), field.path.find('.', above.size()) - above.size());
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

bool is_field(const std::string& path, const std::vector<FieldHelp>& fields) {
  return std::any_of(fields.begin(), fields.end(), [&](const FieldHelp& field) { return field.path == path; });
}

void refuse_foreign(const std::filesystem::path& file, const Json& layer) {
  const auto no = [&](const char* what, const char* fix) { bad_field(file.string(), std::string("is ") + what, fix); };
  if (layer.contains("architectures") || (layer.contains("model_type") && layer.contains("transformers_version")))
    no("the configuration of a model, not of a run", "model.path=FOLDER names the folder that holds it");
  if (layer.contains("peft_type"))
    no("the configuration of an adapter, not of a run", "model.adapter=FOLDER names the folder that holds it");
  if (layer.contains("program") && layer.contains("config") && layer.contains("exit"))
    no("the record of a run", "its member \"config\" is the configuration: copy that into a file");
}

std::string place_of(const std::filesystem::path& file, const PlacedKey& key) {
  return file.string() + ":" + std::to_string(key.line) + ": " + key.path();
}

void refuse_twice(const std::filesystem::path& file, const std::vector<PlacedKey>& keys) {
  std::map<std::string, int64_t> first;
  for (const PlacedKey& key : keys) {
    const auto [seen, is_new] = first.emplace(key.path(), key.line);
    if (!is_new)
      bad_field(place_of(file, key), "given twice, first in line " + std::to_string(seen->second), "leave one of them out");
  }
}

}  // namespace

void check_text(const std::string& setting) {
  try {
    static_cast<void>(Json(setting).dump());
  } catch (const Json::exception&) {
    bad_field(setting.substr(0, setting.find('=')), "is given as bytes that are no UTF-8 text",
              "write it in UTF-8; rename a file or folder whose name is not");
  }
}

std::string typed_setting(const std::string& setting, const std::vector<FieldHelp>& fields) {
  check_text(setting);
  const std::string path = setting.substr(0, setting.find('='));
  const auto field = std::find_if(fields.begin(), fields.end(), [&](const FieldHelp& one) { return one.path == path; });
  if (path.size() == setting.size() || field == fields.end()) return setting;
  const std::string text = setting.substr(path.size() + 1);
  const Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const Type type(field->type);
  const bool meant = value.is_string() || (type.nullable && value.is_null()) || (type.list && value.is_array());
  return !type.text || value.is_discarded() || meant ? setting : path + "=" + Json(text).dump();
}

void check_layer(const std::filesystem::path& file, const std::vector<FieldHelp>& fields) {
  const std::string text = read_file(file, "config");
  const std::vector<PlacedKey> keys =
      Json::accept(text, /*ignore_comments=*/true) ? json_keys(text) : std::vector<PlacedKey>();
  refuse_twice(file, keys);  // the parser refuses them too, but without the line
  const Json layer = parse_json(text, "config", file.string(), Fault::usage);
  field::require_object(layer, file.string());
  refuse_foreign(file, layer);
  for (const PlacedKey& key : keys) {
    const std::vector<std::string> names =
        is_field(key.above, fields) ? std::vector<std::string>() : names_below(key.above, fields);
    if (!names.empty() && std::find(names.begin(), names.end(), key.name) == names.end())
      field::unknown_key(place_of(file, key), key.name, names);
  }
}

Json given_settings(const ConfigSources& sources) {
  Json given = Json::object();
  for (const std::filesystem::path& file : sources.files) overlay(given, read_json(file, "config", Fault::usage));
  for (const std::string& setting : sources.settings) apply_setting(given, setting);
  return given;
}

}  // namespace rrpo
