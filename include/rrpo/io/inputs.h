// The files that a run reads, as they were when it began, so that no resume mixes two of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rrpo/util/json_file.h"

namespace rrpo::io {

/// One file: what the file system says of it, and the hash of its content (empty: not known).
struct Input {
  std::filesystem::path file;
  int64_t size = 0;
  int64_t modified_ns = 0, changed_ns = 0;  ///< since 1970; the second moves with every write, rename or change of owner
  std::string sha256;
};

/// The inputs of one run. Sizes, times and the hashes of all but large weights are taken at once; weights are hashed by
/// threads of their own while the run goes on.
class Inputs {
 public:
  Inputs();
  /// `earlier` is the `inputs` of a run.json or of a checkpoint: large weights whose size and both times are as they were
  /// there are not hashed again. What is no regular file is left out: whoever reads it tells why. Throws Error(input) for a
  /// file that cannot be read.
  explicit Inputs(const std::vector<std::filesystem::path>& files, const Json& earlier = nullptr);
  Inputs(Inputs&&) noexcept;
  Inputs& operator=(Inputs&&) noexcept;
  ~Inputs();

  /// {path: {"size", "modified_ns", "changed_ns", "sha256"}}. Waits for the hashes; those given up are null. Throws
  /// Error(input, "run") for weights that were written to while they were hashed.
  Json json() const;
  /// The same without waiting: hashes that are not there yet are null.
  Json so_far() const;
  /// True when json() has nothing to wait for.
  bool ready() const;
  /// Hashes that are not there yet are not wanted any more.
  void give_up();

  /// Throws Error(usage, "run") naming the first file whose content is not that of `earlier`, that is gone from the inputs
  /// or new among them. A file is known by its path, or by its name and content where it has moved; those in `free` may come
  /// and go. Entries of an earlier version (a plain hash) are compared by it. Waits for the hashes; throws Stopped when a
  /// stop ends the wait.
  void check_same(const Json& earlier, const std::vector<std::string>& free = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The hash in one entry of recorded inputs, of this version or an earlier one; empty where it is not known.
std::string recorded_sha256(const Json& entry);

}  // namespace rrpo::io
