#include "rrpo/util/folder.h"

#include <algorithm>
#include <cerrno>

#include "rrpo/util/descriptor.h"

namespace rrpo {

namespace fs = std::filesystem;

namespace {

template <class Iterator>
std::vector<fs::path> listed(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::path> paths;
  Iterator entry(folder, code);
  if (code == std::errc::no_such_file_or_directory || code == std::errc::not_a_directory) return paths;
  for (; !code && entry != Iterator(); entry.increment(code)) paths.push_back(entry->path());
  if (code) {
    errno = code.value();
    throw_errno(folder, "cannot list");
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::path& path : listed<fs::directory_iterator>(folder)) names.push_back(path.filename().string());
  return names;
}

std::vector<fs::path> paths_below(const fs::path& folder) { return listed<fs::recursive_directory_iterator>(folder); }

}  // namespace rrpo
