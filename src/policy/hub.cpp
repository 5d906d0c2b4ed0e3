#include "rrpo/policy/hub.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "rrpo/util/error.h"
#include "rrpo/util/folder.h"
#include "rrpo/util/json_file.h"
#include "rrpo/util/notes.h"

namespace rrpo::policy {

namespace fs = std::filesystem;

namespace {

std::optional<fs::path> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return fs::path(value);
}

/// Letters, digits, - _ . as the hub allows, not beginning with a dot.
bool is_name(const std::string& text) {
  const auto allowed = [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= 96 && text.front() != '.' && std::all_of(text.begin(), text.end(), allowed);
}

/// `owner/name` of a path that is one.
std::optional<std::pair<std::string, std::string>> hub_name(const fs::path& path) {
  const std::string text = path.string();
  const size_t slash = text.find('/');
  if (slash == std::string::npos || text.find('/', slash + 1) != std::string::npos) return std::nullopt;
  std::pair<std::string, std::string> name{text.substr(0, slash), text.substr(slash + 1)};
  return is_name(name.first) && is_name(name.second) ? std::optional(name) : std::nullopt;
}

/// The snapshot that refs/main names, if it is there.
std::optional<fs::path> main_snapshot(const fs::path& model) {
  std::error_code code;
  if (!fs::is_regular_file(model / "refs" / "main", code)) return std::nullopt;
  std::string commit = read_file(model / "refs" / "main", "model");
  while (!commit.empty() && (commit.back() == '\n' || commit.back() == ' ' || commit.back() == '\r')) commit.pop_back();
  if (!is_name(commit) || !fs::is_directory(model / "snapshots" / commit, code)) return std::nullopt;
  return model / "snapshots" / commit;
}

/// The snapshot that was written last; of equally old ones the last by name.
std::optional<fs::path> newest_snapshot(const fs::path& model) {
  std::error_code code;
  std::optional<std::pair<fs::file_time_type, fs::path>> newest;
  for (const std::string& name : names_in(model / "snapshots")) {
    const fs::path snapshot = model / "snapshots" / name;
    if (!fs::is_directory(snapshot, code)) continue;
    const std::pair found{fs::last_write_time(snapshot, code), snapshot};
    if (!newest || found > *newest) newest = found;
  }
  return newest ? std::optional(newest->second) : std::nullopt;
}

}  // namespace

fs::path hub_cache() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"}) {
    if (const auto folder = environment(name)) return *folder;
  }
  if (const auto home = environment("HF_HOME")) return *home / "hub";
  if (const auto caches = environment("XDG_CACHE_HOME")) return *caches / "huggingface" / "hub";
  if (const auto home = environment("HOME")) return *home / ".cache" / "huggingface" / "hub";
  return {};
}

fs::path find_model(const fs::path& path, const std::string& field) {
  std::error_code code;
  const auto name = hub_name(path);
  if (!name || fs::exists(path, code)) return path;
  const fs::path cache = hub_cache(), model = cache / ("models--" + name->first + "--" + name->second);
  auto snapshot = main_snapshot(model);
  if (!snapshot) snapshot = newest_snapshot(model);
  if (snapshot) return *snapshot;
  throw Error(Fault::input, "model",
              field + "=" + path.string() + ": no such folder, and not in the hub's cache " + cache.string(),
              "hf download " + path.string() + " --local-dir " + path.string());
}

void find_models(ModelConfig& config) {
  const auto find = [](fs::path& path, const std::string& field) {
    const fs::path found = find_model(path, field);
    if (found == path) return;
    log_note(field + "=" + path.string() + " is " + found.string());
    path = found;
  };
  find(config.path, "model.path");
  if (config.adapter) find(*config.adapter, "model.adapter");
}

}  // namespace rrpo::policy
