// Hashes of media files, each file read once however often it is asked for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "rrpo/rows/pair.h"

namespace rrpo::data {

/// SHA-256 by path, remembered while size and times stay what they were. Safe to use from several threads.
class FileHashes {
 public:
  std::string of(const std::filesystem::path& file);
  /// Over all files of a media below `root`.
  std::string of(const rows::Media& media, const std::filesystem::path& root);

 private:
  struct Known {
    int64_t size = 0, modified_ns = 0, changed_ns = 0;
    std::string sha256;
  };
  std::mutex mutex_;
  std::map<std::string, Known> known_;
};

}  // namespace rrpo::data
