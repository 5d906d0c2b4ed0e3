#include "rrpo/util/descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "rrpo/util/error.h"

namespace rrpo {

namespace {

std::string free_space(const std::filesystem::path& path) {
  struct statvfs space {};
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  if (::statvfs(folder.c_str(), &space) != 0) return "";
  char text[48];
  std::snprintf(text, sizeof text, " (free: %.2f GB)",
                static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize) / 1e9);
  return text;
}

const char* remedy(int code) {
  switch (code) {
    case ENOSPC:
      return "free space there or choose another folder";
    case EDQUOT:
      return "free some of your quota or choose another folder";
    case EACCES:
    case EPERM:
      return "check the owner and the permissions, or choose another folder";
    case EROFS:
      return "the file system is read-only: choose another folder";
    case ENAMETOOLONG:
      return "choose a shorter name";
    case EMFILE:
    case ENFILE:
      return "raise the limit of open files (ulimit -n)";
    default:
      return "check the path and its file system";
  }
}

}  // namespace

void throw_errno(const std::filesystem::path& path, std::string_view action) {
  const int code = errno;
  const bool full = code == ENOSPC || code == EDQUOT;
  throw Error(Fault::environment, "io",
              path.string() + ": " + std::string(action) + ": " + std::strerror(code) + (full ? free_space(path) : ""),
              remedy(code));
}

Descriptor::~Descriptor() {
  if (value_ >= 0) ::close(value_);
}

Descriptor open_to_read(const std::filesystem::path& file, std::string_view component) {
  // O_NONBLOCK: a named pipe under a weight's name must not stop the program for ever; it changes nothing for files.
  Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  // What the machine lacks is no fault of the file.
  if (descriptor.get() < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO))
    throw_errno(file, "cannot open");
  if (descriptor.get() < 0 || ::fstat(descriptor.get(), &status) != 0) {
    throw Error(Fault::input, component, file.string() + ": " + std::strerror(errno), "check the path and its permissions");
  }
  if (!S_ISREG(status.st_mode)) {
    const char* what = S_ISDIR(status.st_mode) ? ": is a folder, not a regular file" : ": is not a regular file";
    throw Error(Fault::input, component, file.string() + what, "give the file itself");
  }
  return descriptor;
}

Descriptor create_new(const std::filesystem::path& file) {
  Descriptor descriptor(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (descriptor.get() < 0) throw_errno(file, "cannot create");
  return descriptor;
}

int64_t file_size(const Descriptor& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 ? status.st_size : 0;
}

int64_t read_at(const Descriptor& file, const std::filesystem::path& path, void* out, int64_t count, int64_t offset) {
  auto* place = static_cast<char*>(out);
  int64_t done = 0;
  while (done < count) {
    const ssize_t got = ::pread(file.get(), place + done, static_cast<size_t>(count - done), offset + done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno(path, "cannot read");
    if (got == 0) break;
    done += got;
  }
  return done;
}

void write_all(int descriptor, const std::filesystem::path& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw_errno(path, "cannot write");
    bytes.remove_prefix(static_cast<size_t>(put));
  }
}

void sync_file(int descriptor, const std::filesystem::path& path) {
  // EINVAL: a device or pipe that has nothing to sync.
  if (::fsync(descriptor) != 0 && errno != EINVAL) throw_errno(path, "cannot sync");
}

void sync_folder(const std::filesystem::path& folder) {
  const Descriptor descriptor(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0) throw_errno(folder, "cannot open");
  sync_file(descriptor.get(), folder);
}

}  // namespace rrpo
