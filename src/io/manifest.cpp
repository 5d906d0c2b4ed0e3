#include "rrpo/io/manifest.h"

#include "rrpo/io/atomic.h"
#include "rrpo/io/sha256.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"

namespace rrpo::io {

namespace fs = std::filesystem;

namespace {

constexpr const char* kSchema = "rrpo/manifest@1";

Json content_of(const ManifestFiles& files) {
  Json json = {{"schema", kSchema}, {"files", Json::object()}};
  for (const auto& [name, entry] : files) json["files"][name] = {{"bytes", entry.bytes}, {"sha256", entry.sha256}};
  return json;
}

/// A path below the folder that stays there.
bool is_plain(const std::string& name) {
  const fs::path path = name;
  if (name.empty() || path.is_absolute() || name == kManifest) return false;
  for (const fs::path& part : path) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

/// What a manifest's text says, or nothing where it is not what manifest_text() wrote.
std::optional<ManifestFiles> parse(const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("files") || !json["files"].is_object()) return std::nullopt;
  ManifestFiles files;
  for (const auto& [name, entry] : json["files"].items()) {
    if (!is_plain(name) || !entry.is_object()) return std::nullopt;
    const Json bytes = entry.value("bytes", Json()), hash = entry.value("sha256", Json());
    if (!bytes.is_number_integer() || !hash.is_string()) return std::nullopt;
    files[name] = {bytes.get<int64_t>(), hash.get<std::string>()};
  }
  // One form only: whatever parses to the same content but reads otherwise was changed.
  if (manifest_text(files) != text) return std::nullopt;
  return files;
}

/// Regular files below `folder` by name; the first thing that is neither file nor folder is `odd`.
std::map<std::string, fs::path> files_below(const fs::path& folder, std::string& odd) {
  std::map<std::string, fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).generic_string();
    const fs::file_type type = entry.symlink_status().type();
    if (type == fs::file_type::regular) {
      found[name] = entry.path();
    } else if (type != fs::file_type::directory && odd.empty()) {
      odd = name;
    }
  }
  return found;
}

std::optional<std::string> file_fault(const ManifestFiles& wanted, const std::map<std::string, fs::path>& found) {
  for (const auto& [name, entry] : wanted) {
    check_stop();
    const auto file = found.find(name);
    if (file == found.end()) return name + ": missing";
    const auto bytes = static_cast<int64_t>(fs::file_size(file->second));
    if (bytes != entry.bytes)
      return name + ": has " + std::to_string(bytes) + " bytes instead of " + std::to_string(entry.bytes);
    if (file_sha256(file->second) != entry.sha256) return name + ": its content is not what was written";
  }
  return std::nullopt;
}

}  // namespace

std::string manifest_text(const ManifestFiles& files) {
  Json json = content_of(files);
  json["sha256"] = sha256(json.dump());
  return json.dump(2) + "\n";
}

void write_manifest(const fs::path& folder) {
  ManifestFiles files;
  std::string odd;
  for (const auto& [name, file] : files_below(folder, odd)) {
    if (name == kManifest) continue;
    files[name] = {static_cast<int64_t>(fs::file_size(file)), file_sha256(file)};
  }
  write_file(folder / kManifest, manifest_text(files));
}

std::optional<std::string> manifest_fault(const fs::path& folder) {
  try {
    if (!fs::is_directory(fs::symlink_status(folder))) return "is a link or no folder";
    std::string odd;
    const auto found = files_below(folder, odd);
    if (!odd.empty()) return odd + ": is a link or no regular file";
    const auto manifest = found.find(kManifest);
    if (manifest == found.end()) return std::string(kManifest) + ": missing";
    constexpr uintmax_t kMost = 16U << 20;
    if (fs::file_size(manifest->second) > kMost) return std::string(kManifest) + ": is no manifest of ours";
    const auto files = parse(read_file(manifest->second, "train"));
    if (!files) return std::string(kManifest) + ": is not what was written";
    return file_fault(*files, found);
  } catch (const fs::filesystem_error& error) {
    throw Error(Fault::environment, "io", folder.string() + ": " + error.code().message(), "check its permissions");
  }
}

}  // namespace rrpo::io
