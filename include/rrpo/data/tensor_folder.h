// Tensors kept in files from run to run: written whole, checked when they are read, made anew where they are damaged.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "rrpo/data/tensor_file.h"

namespace rrpo::data {

/// What one file holds: tensors on the CPU, and words about them.
struct KeptTensors {
  TensorMap tensors;
  std::map<std::string, std::string> words = {};
};

/// One safetensors file per name, with a checksum over all of it and the name. Safe to use from several threads, and from
/// several processes at once.
class TensorFolder {
 public:
  /// Throws Error(environment, "data") for a folder that cannot be made.
  explicit TensorFolder(std::filesystem::path folder);

  /// What write() kept under `name`, bit for bit; nothing where there is none. A file that is not what write() wrote counts
  /// as damaged: it is never used, the first one is said in a warning, and the next write() replaces it.
  std::optional<KeptTensors> read(const std::string& name);
  /// Does nothing where a sound file is: one name stands for one content. Throws Error(environment) where it cannot be
  /// written.
  void write(const std::string& name, const KeptTensors& kept);

  /// Files that were found damaged so far.
  int64_t damaged() const { return damaged_; }

 private:
  std::filesystem::path file_of(const std::string& name) const { return folder_ / (name + ".safetensors"); }

  std::filesystem::path folder_;
  std::mutex mutex_;
  std::set<std::string> bad_;  ///< names of damaged files that nobody has replaced yet
  std::atomic<int64_t> damaged_ = 0;
};

}  // namespace rrpo::data
