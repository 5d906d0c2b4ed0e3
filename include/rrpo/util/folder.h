// What lies in a folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace rrpo {

/// Names of a folder's entries, sorted: the order of a folder is nobody's. None where it is absent or no folder. Throws
/// Error(environment, "io") where it is one that cannot be read to its end: what was not seen must not count as absent.
std::vector<std::string> names_in(const std::filesystem::path& folder);

/// The same for the paths of everything below it, its folders too; links are not followed.
std::vector<std::filesystem::path> paths_below(const std::filesystem::path& folder);

}  // namespace rrpo
