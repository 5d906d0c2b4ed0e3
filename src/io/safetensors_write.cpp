#include <algorithm>

#include "rrpo/io/safetensors.h"
#include "rrpo/util/atomic_file.h"
#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"

namespace rrpo::io {

namespace {

int64_t bytes_of(const TensorBytes& tensor) {
  int64_t bytes = dtype_bytes(tensor.dtype);
  expect(bytes > 0, "a tensor to write has the unknown dtype " + tensor.dtype);
  for (const int64_t size : tensor.shape) bytes *= size;
  return bytes;
}

/// Length, JSON and the spaces that bring the data to a multiple of eight bytes.
std::string header_bytes(const std::vector<TensorBytes>& tensors, const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  int64_t end = 0;
  for (const TensorBytes& tensor : tensors) {
    const int64_t begin = end;
    end += bytes_of(tensor);
    header[tensor.name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  expect(header.size() == tensors.size() + (metadata.empty() ? 0 : 1), "two tensors to write share a name");
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string bytes;
  for (size_t i = 0; i < 8; ++i) bytes += static_cast<char>(text.size() >> (8 * i) & 0xff);
  return bytes + text;
}

/// Wide elements first: every tensor then begins at a multiple of its element, which other readers rely on.
void sort_for_file(std::vector<TensorBytes>& tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorBytes& a, const TensorBytes& b) {
    const int64_t wide_a = dtype_bytes(a.dtype), wide_b = dtype_bytes(b.dtype);
    return wide_a != wide_b ? wide_a > wide_b : a.name < b.name;
  });
}

}  // namespace

int64_t safetensors_bytes(std::vector<TensorBytes> tensors, const std::map<std::string, std::string>& metadata) {
  sort_for_file(tensors);
  auto bytes = static_cast<int64_t>(header_bytes(tensors, metadata).size());
  for (const TensorBytes& tensor : tensors) bytes += bytes_of(tensor);
  return bytes;
}

void write_safetensors(const std::filesystem::path& file, std::vector<TensorBytes> tensors,
                       const std::map<std::string, std::string>& metadata) {
  sort_for_file(tensors);
  const std::string header = header_bytes(tensors, metadata);
  write_atomically(file, [&](int descriptor, const std::filesystem::path& path) {
    write_all(descriptor, path, header);
    for (const TensorBytes& tensor : tensors) {
      write_all(descriptor, path, {static_cast<const char*>(tensor.data), static_cast<size_t>(bytes_of(tensor))});
    }
  });
}

}  // namespace rrpo::io
