// A file descriptor that closes itself; whole reads and writes; faults of the system as Error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace rrpo {

/// Throws Error(environment, "io") for `errno` as it is now: `path: action: reason`, with the free space when there is none.
[[noreturn]] void throw_errno(const std::filesystem::path& path, std::string_view action);

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(other.release()) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();
  int get() const { return value_; }
  int release() {
    const int value = value_;
    value_ = -1;
    return value;
  }

 private:
  int value_;
};

/// Opens a file to read. Throws Error(input, `component`).
Descriptor open_to_read(const std::filesystem::path& file, std::string_view component);

/// Creates a file that must not exist yet. Throws Error(environment, "io").
Descriptor create_new(const std::filesystem::path& file);

/// Bytes of an open file.
int64_t file_size(const Descriptor& file);

/// Reads up to `count` bytes at `offset`, fewer only at the end of the file. Returns the number read.
int64_t read_at(const Descriptor& file, const std::filesystem::path& path, void* out, int64_t count, int64_t offset);

/// Writes all bytes at the descriptor's place. Throws Error(environment, "io").
void write_all(int descriptor, const std::filesystem::path& path, std::string_view bytes);

/// Brings a file's or folder's content to the disk.
void sync_file(int descriptor, const std::filesystem::path& path);
void sync_folder(const std::filesystem::path& folder);

}  // namespace rrpo
