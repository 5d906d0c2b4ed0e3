#include "temporary.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <string>
#include <vector>

#include "rrpo/util/error.h"

namespace rrpo::io {

namespace {

constexpr const char* kPrefix = ".rrpo-tmp-";

}  // namespace

std::filesystem::path temporary_beside(const std::filesystem::path& final) {
  static std::atomic<int64_t> counter{0};
  for (;;) {  // in a container a new process may have the number of a dead one, whose files still lie there
    auto path = final.parent_path() / (kPrefix + std::to_string(::getpid()) + "-" + std::to_string(counter++));
    std::error_code code;
    if (std::filesystem::symlink_status(path, code).type() == std::filesystem::file_type::not_found || code) return path;
  }
}

void remove_temporaries(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code code;
  const auto options = std::filesystem::directory_options::skip_permission_denied;
  for (auto it = std::filesystem::recursive_directory_iterator(folder, options, code);
       !code && it != std::filesystem::recursive_directory_iterator(); it.increment(code)) {
    if (!it->path().filename().string().starts_with(kPrefix)) continue;
    found.push_back(it->path());
    it.disable_recursion_pending();
  }
  for (const auto& path : found) std::filesystem::remove_all(path, code);
}

void write_atomically(const std::filesystem::path& file,
                      const std::function<void(int, const std::filesystem::path&)>& write) {
  const auto temporary = temporary_beside(file);
  const Descriptor descriptor = create_new(temporary);
  try {
    write(descriptor.get(), file);
    sync_file(descriptor.get(), file);
    if (std::rename(temporary.c_str(), file.c_str()) != 0) throw_errno(file, "cannot create");
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw;
  }
  sync_folder(file.parent_path());
}

}  // namespace rrpo::io
