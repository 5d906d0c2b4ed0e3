// Results that appear complete or not at all: files and folders written under a temporary name, synced, renamed.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "rrpo/util/json_file.h"

namespace rrpo::io {

/// Writes `bytes` to `file` (temporary name beside it, fsync, rename). Throws Error(environment, "io").
void write_file(const std::filesystem::path& file, std::string_view bytes);
/// The same for JSON, indented by two.
void write_json(const std::filesystem::path& file, const Json& json);

/// Calls `fill(temporary)` for an empty folder beside `folder`, then syncs and renames it: `folder` is complete when it
/// exists. An existing `folder` is replaced.
void write_folder(const std::filesystem::path& folder, const std::function<void(const std::filesystem::path&)>& fill);

}  // namespace rrpo::io
