// A configuration struct names its fields once, in a member `fields(v)`; reading, writing and help are visitors over it.
//
//   struct OptimConfig {
//     double lr = 5e-6;
//     template <class V> void fields(V& v) { v("lr", lr, "peak learning rate"); }
//     void check(const std::string& at) const;      // optional: throws Error(usage) naming `at + ".lr"`
//   };
//
// A field is a bool, int64_t, double, std::string, std::filesystem::path, Json (anything), another such struct, or an
// std::optional or std::vector of these. A list may be given as a single value.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "rrpo/util/json_file.h"

namespace rrpo {

/// One line of a configuration's help.
struct FieldHelp {
  std::string path;      ///< `optim.lr`
  std::string type;      ///< `number`, `list of paths`, …
  std::string standard;  ///< the default as JSON
  std::string help;
};

namespace field {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

/// Stands for any visitor, to ask whether a type has a `fields` member.
struct Probe {
  template <class T>
  void operator()(const char*, T&, const char*) {}
};
template <class T>
concept Struct = requires(T value, Probe probe) {
  value.fields(probe);
};

void read_value(bool& out, const Json& json, const std::string& at);
void read_value(int64_t& out, const Json& json, const std::string& at);
void read_value(double& out, const Json& json, const std::string& at);
void read_value(std::string& out, const Json& json, const std::string& at);
void read_value(std::filesystem::path& out, const Json& json, const std::string& at);
void read_value(Json& out, const Json& json, const std::string& at);

/// Throws Error(usage): `at` is unknown, the known names beside it are `known`.
[[noreturn]] void unknown_key(const std::string& at, const std::string& name, const std::vector<std::string>& known);
void require_object(const Json& json, const std::string& at);

template <class T>
void read(T& out, const Json& json, const std::string& at);

/// Reads the members of one object and remembers the names it met.
struct Reader {
  const Json& json;
  std::string at;
  std::vector<std::string> known{};

  template <class T>
  void operator()(const char* name, T& value, const char*) {
    known.emplace_back(name);
    if (json.contains(name)) read(value, json.at(name), at.empty() ? name : at + "." + name);
  }
};

template <class T>
void read(T& out, const Json& json, const std::string& at) {
  if constexpr (Struct<T>) {
    require_object(json, at);
    Reader reader{json, at};
    out.fields(reader);
    for (const auto& [key, unused] : json.items()) {
      bool found = false;
      for (const std::string& name : reader.known) found = found || name == key;
      if (!found) unknown_key(at.empty() ? key : at + "." + key, key, reader.known);
    }
    if constexpr (requires { out.check(at); }) out.check(at);
  } else if constexpr (IsOptional<T>::value) {
    if (json.is_null()) {
      out.reset();
    } else {
      out.emplace();
      read(*out, json, at);
    }
  } else if constexpr (IsVector<T>::value) {
    out.clear();
    if (!json.is_array()) {
      read(out.emplace_back(), json, at);
      return;
    }
    for (size_t i = 0; i < json.size(); ++i) read(out.emplace_back(), json[i], at + "[" + std::to_string(i) + "]");
  } else {
    read_value(out, json, at);
  }
}

template <class T>
Json write(T& value);

struct Writer {
  Json json = Json::object();
  template <class T>
  void operator()(const char* name, T& value, const char*) {
    json[name] = write(value);
  }
};

template <class T>
Json write(T& value) {
  if constexpr (Struct<T>) {
    Writer writer;
    value.fields(writer);
    return writer.json;
  } else if constexpr (IsOptional<T>::value) {
    return value ? write(*value) : Json(nullptr);
  } else if constexpr (IsVector<T>::value) {
    Json list = Json::array();
    for (auto& item : value) list.push_back(write(item));
    return list;
  } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
    return value.string();
  } else {
    return value;
  }
}

template <class T>
std::string type_name() {
  if constexpr (IsOptional<T>::value)
    return type_name<typename T::value_type>() + " or null";
  else if constexpr (IsVector<T>::value)
    return "list of " + type_name<typename T::value_type>();
  else if constexpr (Struct<T>)
    return "object";
  else if constexpr (std::is_same_v<T, bool>)
    return "bool";
  else if constexpr (std::is_same_v<T, int64_t>)
    return "integer";
  else if constexpr (std::is_same_v<T, double>)
    return "number";
  else if constexpr (std::is_same_v<T, std::string>)
    return "text";
  else if constexpr (std::is_same_v<T, std::filesystem::path>)
    return "path";
  else
    return "JSON";
}

struct Describer {
  std::string at;
  std::vector<FieldHelp>& lines;
  template <class T>
  void operator()(const char* name, T& value, const char* help) {
    const std::string path = at.empty() ? name : at + "." + name;
    if constexpr (Struct<T>) {
      Describer inner{path, lines};
      value.fields(inner);
    } else {
      lines.push_back({path, type_name<T>(), write(value).dump(), help});
    }
  }
};

/// Makes relative paths of one configuration layer relative to `base` instead.
struct Rebaser {
  Json& json;
  const std::filesystem::path& base;
  template <class T>
  void operator()(const char* name, T&, const char*) {
    if (json.is_object() && json.contains(name)) rebase<T>(json[name]);
  }
  template <class T>
  void rebase(Json& value) {
    if constexpr (Struct<T>) {
      T standard{};
      Rebaser inner{value, base};
      standard.fields(inner);
    } else if constexpr (IsOptional<T>::value || IsVector<T>::value) {
      if (value.is_array()) {
        for (Json& item : value) rebase<typename T::value_type>(item);
      } else {
        rebase<typename T::value_type>(value);
      }
    } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
      if (!value.is_string()) return;
      const std::filesystem::path path = value.get<std::string>();
      if (!path.empty() && path.is_relative()) value = (base / path).lexically_normal().string();
    }
  }
};

}  // namespace field

/// Sources of a configuration, laid over each other in order: files, then `path=value` settings.
struct ConfigSources {
  std::vector<std::filesystem::path> files;
  std::vector<std::string> settings;
};

/// `base` with `layer` laid over it: objects merge key by key, anything else (a list too) is replaced.
void overlay(Json& base, const Json& layer);

/// Applies `a.b.c=value`, b a key or a number in a list; the value is JSON or else text. Throws Error(usage).
void apply_setting(Json& json, const std::string& setting);

/// Reads a configuration struct from JSON. Unknown key, wrong type or value out of range: Error(usage) with the full path
/// of the key and the nearest valid name.
template <class Config>
Config config_from(const Json& json) {
  Config config{};
  field::read(config, json, "");
  return config;
}

/// Reads a configuration from files and settings. Relative paths in a file are relative to that file.
template <class Config>
Config read_config(const ConfigSources& sources) {
  Json merged = Json::object();
  for (const auto& file : sources.files) {
    Json layer = read_json(file, "config", Fault::usage);
    field::require_object(layer, file.string());
    Config standard{};
    const std::filesystem::path base = file.parent_path();
    field::Rebaser rebaser{layer, base};
    standard.fields(rebaser);
    overlay(merged, layer);
  }
  for (const std::string& setting : sources.settings) apply_setting(merged, setting);
  return config_from<Config>(merged);
}

template <class Config>
Json config_json(Config config) {
  return field::write(config);
}

/// Every field with its type, default and help, nested ones by their full path.
template <class Config>
std::vector<FieldHelp> describe() {
  std::vector<FieldHelp> lines;
  Config standard{};
  field::Describer describer{"", lines};
  standard.fields(describer);
  return lines;
}

/// Throws Error(usage) for `at`: `problem`, `fix`.
[[noreturn]] void bad_field(const std::string& at, const std::string& problem, const std::string& fix);

/// Throws Error(usage) unless `value` is one of `allowed`, listing them and the nearest.
void check_choice(const std::string& at, const std::string& value, const std::vector<std::string>& allowed);

}  // namespace rrpo
