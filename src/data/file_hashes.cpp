#include "rrpo/data/file_hashes.h"

#include <sys/stat.h>

#include "rrpo/data/media.h"
#include "rrpo/io/sha256.h"

namespace rrpo::data {

namespace {

int64_t nanoseconds(const timespec& time) { return int64_t{1'000'000'000} * time.tv_sec + time.tv_nsec; }

}  // namespace

std::string FileHashes::of(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return io::file_sha256(file);  // which says why
  Known now{status.st_size, nanoseconds(status.st_mtim), nanoseconds(status.st_ctim), ""};
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(file.string());
    if (found != known_.end() && found->second.size == now.size && found->second.modified_ns == now.modified_ns &&
        found->second.changed_ns == now.changed_ns) {
      return found->second.sha256;
    }
  }
  now.sha256 = io::file_sha256(file);
  const std::lock_guard lock(mutex_);
  return (known_[file.string()] = now).sha256;
}

std::string FileHashes::of(const rows::Media& media, const std::filesystem::path& root) {
  std::string parts;
  // Whether links may lead out of the root was asked when the rows were read.
  for (const std::filesystem::path& file : media_files(media, root, /*follow_links=*/true)) parts += of(file) + "\n";
  return io::sha256(parts);
}

}  // namespace rrpo::data
