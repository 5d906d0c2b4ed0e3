// The manifest of a folder that must be whole before it is believed: size and SHA-256 of each of its files.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace rrpo::io {

inline constexpr const char* kManifest = "manifest.json";

/// What a manifest says of one file.
struct ManifestEntry {
  int64_t bytes = 0;
  std::string sha256;
};

/// Files by their path below the folder, written with `/`.
using ManifestFiles = std::map<std::string, ManifestEntry>;

/// The text of a manifest. It carries a hash of its own content and has one form only, so that no bit of it can change
/// unseen.
std::string manifest_text(const ManifestFiles& files);

/// Hashes every file below `folder` and writes `folder/manifest.json`.
void write_manifest(const std::filesystem::path& folder);

/// The first fault of a folder as `file: what`, or nothing when its manifest and every file in it are what was written.
/// Links are faults; a file that the manifest does not name is none, for nobody reads it. Throws Stopped when a stop was
/// asked for, Error(environment) where the system cannot read.
std::optional<std::string> manifest_fault(const std::filesystem::path& folder);

}  // namespace rrpo::io
