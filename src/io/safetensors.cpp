#include "rrpo/io/safetensors.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"
#include "safetensors_header.h"

namespace rrpo::io {

namespace {

constexpr int64_t kMaxHeaderBytes = 100'000'000;  // the limit of the format's own reader

struct Dtype {
  const char* name;
  int64_t bytes;
};
constexpr std::array kDtypes = {Dtype{"F64", 8}, Dtype{"F32", 4}, Dtype{"F16", 2}, Dtype{"BF16", 2}, Dtype{"I64", 8},
                                Dtype{"I32", 4}, Dtype{"I16", 2}, Dtype{"I8", 1},  Dtype{"U8", 1},   Dtype{"BOOL", 1}};

[[noreturn]] void fail(const std::string& place, const std::string& problem,
                       const std::string& fix = "download or write the file again") {
  throw Error(Fault::input, "weights", place + ": " + problem, fix);
}

std::string place_of(const std::filesystem::path& file, const std::string& tensor) {
  return file.string() + "#" + printable(tensor, 80);
}

/// Elements times bytes of one, or -1 when the product does not fit.
int64_t checked_bytes(const std::vector<int64_t>& shape, int64_t element) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  int64_t bytes = element;
  for (const int64_t size : shape) {
    if (__builtin_mul_overflow(bytes, size, &bytes)) return -1;
  }
  return bytes;
}

/// Says what a file is whose length field makes no sense, where its first bytes tell.
void check_signature(std::string_view first, const std::string& file) {
  const std::string pickle_fix = "convert it to safetensors with scripts/convert_checkpoint.py";
  if (first.starts_with("version ")) fail(file, "is a Git LFS pointer, not the weights", "git lfs pull");
  if (first.starts_with("PK\x03\x04")) fail(file, "is a zip archive (a PyTorch pickle?), which is never loaded", pickle_fix);
  if (first.starts_with("\x80\x02")) fail(file, "is a pickle, which is never loaded", pickle_fix);
  if (first.starts_with("<!DOC") || first.starts_with("<html")) fail(file, "is a web page, not the weights");
}

std::string read_header_text(const Descriptor& descriptor, const std::filesystem::path& file) {
  std::array<unsigned char, 8> prefix{};
  const int64_t got = read_at(descriptor, file, prefix.data(), 8, 0);
  if (got < 8) fail(file.string(), "has " + std::to_string(got) + " bytes, too few for a header length");
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | prefix[static_cast<size_t>(i)];
  const auto size = static_cast<uint64_t>(file_size(descriptor));
  if (length > kMaxHeaderBytes || length + 8 > size) {
    check_signature({reinterpret_cast<const char*>(prefix.data()), prefix.size()}, file.string());
  }
  if (length > kMaxHeaderBytes)
    fail(file.string(), "header length " + std::to_string(length) + " is over 100 MB: no safetensors file");
  if (length + 8 > size) {
    fail(file.string(), "header of " + std::to_string(length) + " bytes does not fit in a file of " + std::to_string(size));
  }
  std::string text(length, '\0');
  if (read_at(descriptor, file, text.data(), static_cast<int64_t>(length), 8) != static_cast<int64_t>(length)) {
    fail(file.string(), "ends inside its header");
  }
  return text;
}

void check_size(const HeaderTensor& tensor, const std::filesystem::path& file) {
  const int64_t element = dtype_bytes(tensor.dtype);
  const std::string place = place_of(file, tensor.name);
  if (element == 0)
    fail(place, "dtype \"" + printable(tensor.dtype, 24) + "\" is not supported", "save the weights as F32, F16 or BF16");
  if (tensor.end < tensor.begin) fail(place, "data_offsets run backwards");
  const int64_t bytes = checked_bytes(tensor.shape, element);
  if (bytes < 0) fail(place, "the product of its shape overflows");
  if (bytes != tensor.end - tensor.begin) {
    fail(place, "dtype and shape need " + std::to_string(bytes) + " bytes, data_offsets give " +
                    std::to_string(tensor.end - tensor.begin));
  }
}

/// Every byte after the header belongs to exactly one tensor.
void check_layout(const std::vector<HeaderTensor>& tensors, int64_t data_bytes, const std::filesystem::path& file) {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::tie(tensors[a].begin, tensors[a].end) < std::tie(tensors[b].begin, tensors[b].end);
  });
  int64_t end = 0;
  for (const size_t i : order) {
    const HeaderTensor& tensor = tensors[i];
    const std::string place = place_of(file, tensor.name);
    if (tensor.begin < end) fail(place, "overlaps the tensor before it");
    if (tensor.begin > end) fail(place, std::to_string(tensor.begin - end) + " bytes before it belong to no tensor");
    if (tensor.end > data_bytes) {
      fail(place,
           "ends at byte " + std::to_string(tensor.end) + " of " + std::to_string(data_bytes) + ": the file is cut off");
    }
    end = tensor.end;
  }
  if (end != data_bytes) fail(file.string(), std::to_string(data_bytes - end) + " bytes at its end belong to no tensor");
}

}  // namespace

int64_t dtype_bytes(const std::string& dtype) {
  for (const Dtype& row : kDtypes) {
    if (dtype == row.name) return row.bytes;
  }
  return 0;
}

std::vector<TensorEntry> read_safetensors_header(const std::filesystem::path& file,
                                                 std::map<std::string, std::string>* metadata) {
  const Descriptor descriptor = open_to_read(file, "weights");
  const std::string text = read_header_text(descriptor, file);
  Header header = parse_header(text, file.string());
  const int64_t first = 8 + static_cast<int64_t>(text.size());
  for (const HeaderTensor& tensor : header.tensors) check_size(tensor, file);
  check_layout(header.tensors, file_size(descriptor) - first, file);
  std::vector<TensorEntry> entries;
  entries.reserve(header.tensors.size());
  for (HeaderTensor& tensor : header.tensors) {
    entries.push_back({.name = std::move(tensor.name),
                       .dtype = std::move(tensor.dtype),
                       .shape = std::move(tensor.shape),
                       .file = file,
                       .offset = first + tensor.begin,
                       .bytes = tensor.end - tensor.begin});
  }
  if (metadata) *metadata = std::move(header.metadata);
  return entries;
}

void read_tensor_bytes(const TensorEntry& entry, void* out) {
  const Descriptor descriptor = open_to_read(entry.file, "weights");
  if (read_at(descriptor, entry.file, out, entry.bytes, entry.offset) != entry.bytes) {
    fail(place_of(entry.file, entry.name), "the file became shorter while it was read");
  }
}

}  // namespace rrpo::io
