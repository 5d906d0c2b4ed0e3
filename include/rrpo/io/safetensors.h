// safetensors files: a header that is checked completely before any of it is used, and a writer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace rrpo::io {

/// One tensor of a file: where its bytes lie.
struct TensorEntry {
  std::string name;
  std::string dtype;  ///< F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL
  std::vector<int64_t> shape;
  std::filesystem::path file;
  int64_t offset = 0;  ///< from the file's beginning
  int64_t bytes = 0;
};

/// Bytes of one element of a dtype, or 0 when it is unknown.
int64_t dtype_bytes(const std::string& dtype);

/// Reads and checks a header: length, JSON, dtype x shape = bytes, ranges inside the file, no overlap, no gap.
/// Throws Error(input, "weights") as `file#tensor: …`. `metadata` receives `__metadata__`.
std::vector<TensorEntry> read_safetensors_header(const std::filesystem::path& file,
                                                 std::map<std::string, std::string>* metadata = nullptr);

/// Reads the bytes of one tensor to `out` (entry.bytes long).
void read_tensor_bytes(const TensorEntry& entry, void* out);

/// One tensor to write; `data` must live until the call returns.
struct TensorBytes {
  std::string name, dtype;
  std::vector<int64_t> shape;
  const void* data = nullptr;
};

/// Writes a file (temporary name, fsync, rename). Same input, same bytes; wide dtypes stand first, then by name.
void write_safetensors(const std::filesystem::path& file, std::vector<TensorBytes> tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// Bytes of the file that write_safetensors() would write; `data` is not read.
int64_t safetensors_bytes(std::vector<TensorBytes> tensors, const std::map<std::string, std::string>& metadata = {});

}  // namespace rrpo::io
