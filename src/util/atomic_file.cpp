#include "rrpo/util/atomic_file.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "rrpo/util/descriptor.h"

namespace rrpo {

namespace fs = std::filesystem;

namespace {

constexpr const char* kPrefix = ".rrpo-tmp-";

std::atomic<int64_t> g_counter{0};

/// A short sign of this machine: FNV-1a of its name.
std::string machine() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  uint32_t hash = 2166136261u;
  for (const char* at = name.data(); *at != '\0'; ++at) hash = (hash ^ static_cast<unsigned char>(*at)) * 16777619u;
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%08x", hash);
  return text.data();
}

bool older_than_a_day(const fs::path& file) {
  std::error_code code;
  const auto written = fs::last_write_time(file, code);
  return !code && fs::file_time_type::clock::now() - written > std::chrono::hours(24);
}

}  // namespace

fs::path temporary_beside(const fs::path& final) {
  for (;;) {  // in a container a new process may have the number of a dead one, whose files still lie there
    auto path =
        final.parent_path() / (kPrefix + machine() + "-" + std::to_string(::getpid()) + "-" + std::to_string(g_counter++));
    std::error_code code;
    if (fs::symlink_status(path, code).type() == fs::file_type::not_found || code) return path;
  }
}

bool is_temporary(const fs::path& name) { return name.filename().string().starts_with(kPrefix); }

bool is_left_behind(const fs::path& temporary) {
  const std::string name = temporary.filename().string();
  const std::string own = kPrefix + machine() + "-";
  if (!name.starts_with(own)) return is_temporary(name) && older_than_a_day(temporary);
  char* end = nullptr;
  const long pid = std::strtol(name.c_str() + own.size(), &end, 10);
  // Our own number: numbers that this process has not given are those of a dead one.
  if (pid == ::getpid()) return *end != '-' || std::strtoll(end + 1, nullptr, 10) >= g_counter;
  return pid <= 0 || (::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH);
}

void write_atomically(const fs::path& file, const std::function<void(int, const fs::path&)>& write) {
  const auto temporary = temporary_beside(file);
  const Descriptor descriptor = create_new(temporary);
  try {
    write(descriptor.get(), file);
    sync_file(descriptor.get(), file);
    if (std::rename(temporary.c_str(), file.c_str()) != 0) throw_errno(file, "cannot create");
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
  sync_folder(file.parent_path());
}

void write_atomically(const fs::path& file, std::string_view bytes) {
  write_atomically(file, [&](int descriptor, const fs::path& path) { write_all(descriptor, path, bytes); });
}

}  // namespace rrpo
