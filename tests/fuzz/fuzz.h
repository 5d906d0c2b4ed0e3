// What the fuzz targets share. A target reads bytes as a program of ours would; an Error that blames them is a right answer,
// everything else (another exception, a signal, a report of a sanitizer) is a fault of ours.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "rrpo/util/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace rrpo::fuzz {

inline std::string_view text_of(const uint8_t* data, size_t size) { return {reinterpret_cast<const char*>(data), size}; }

/// Calls `read` and lets pass what blames its input, or the memory that it would take.
template <class Read>
void tolerate(Read read) {
  try {
    read();
  } catch (const Error& error) {
    const bool right = error.fault() == Fault::input || error.fault() == Fault::usage || error.fault() == Fault::environment;
    if (!right) throw;
  }
}

/// Bytes under a path, in memory: for readers that take a file.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    expect(::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "no memory for a file");
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }
  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

/// A folder of this process, made once.
inline const std::filesystem::path& folder() {
  static const std::filesystem::path made = [] {
    std::string name = (std::filesystem::temp_directory_path() / "fuzz-XXXXXX").string();
    expect(::mkdtemp(name.data()) != nullptr, "no folder for the files");
    return std::filesystem::path(name);
  }();
  return made;
}

}  // namespace rrpo::fuzz
