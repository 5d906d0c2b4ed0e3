// The one way in which a file comes into being: written under a temporary name, synced, renamed. Temporary names begin with
// one prefix, by which a later run finds what an interrupted one left.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

namespace rrpo {

/// A fresh name beside `final`: same folder, so that a rename is atomic. It tells this machine and process.
std::filesystem::path temporary_beside(const std::filesystem::path& final);

/// True for a name that temporary_beside gave.
bool is_temporary(const std::filesystem::path& name);

/// True for a temporary name that nobody writes to any more: its process is gone. Those of other machines count as left
/// behind after a day.
bool is_left_behind(const std::filesystem::path& temporary);

/// `write(descriptor, file)` fills a new file, which is then synced and renamed to `file`; on an exception it is removed.
/// Throws Error(environment, "io").
void write_atomically(const std::filesystem::path& file,
                      const std::function<void(int, const std::filesystem::path&)>& write);

/// The same for bytes.
void write_atomically(const std::filesystem::path& file, std::string_view bytes);

}  // namespace rrpo
