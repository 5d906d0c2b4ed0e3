#include "rrpo/data/tensor_file.h"

#include <ATen/ops/empty.h>

#include <array>
#include <utility>

#include "rrpo/io/safetensors.h"
#include "rrpo/util/error.h"

namespace rrpo::data {

namespace {

constexpr std::array<std::pair<at::ScalarType, const char*>, 5> kTypes = {
    {{at::kDouble, "F64"}, {at::kFloat, "F32"}, {at::kBFloat16, "BF16"}, {at::kHalf, "F16"}, {at::kLong, "I64"}}};

const char* name_of(at::ScalarType type) {
  for (const auto& [known, name] : kTypes) {
    if (known == type) return name;
  }
  throw Error(Fault::internal, "weights", "a tensor type that safetensors files of ours do not hold", "please report this");
}

at::ScalarType type_of(const io::TensorEntry& entry) {
  for (const auto& [known, name] : kTypes) {
    if (entry.dtype == name) return known;
  }
  throw Error(Fault::input, "weights",
              entry.file.string() + "#" + entry.name + ": type " + entry.dtype + " is not expected here",
              "delete the file and make it anew");
}

}  // namespace

void save_tensors(const std::filesystem::path& file, const TensorMap& tensors,
                  const std::map<std::string, std::string>& metadata) {
  TensorMap ready;
  std::vector<io::TensorBytes> bytes;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor& plain = ready[name] = tensor.detach().cpu().contiguous();
    bytes.push_back({name, name_of(plain.scalar_type()), plain.sizes().vec(), plain.const_data_ptr()});
  }
  io::write_safetensors(file, std::move(bytes), metadata);
}

int64_t file_bytes(const TensorMap& tensors, const std::map<std::string, std::string>& metadata) {
  std::vector<io::TensorBytes> bytes;
  for (const auto& [name, tensor] : tensors)
    bytes.push_back({name, name_of(tensor.scalar_type()), tensor.sizes().vec(), nullptr});
  return io::safetensors_bytes(std::move(bytes), metadata);
}

TensorMap load_tensors(const std::filesystem::path& file) {
  TensorMap tensors;
  for (const io::TensorEntry& entry : io::read_safetensors_header(file)) {
    at::Tensor tensor = at::empty(entry.shape, type_of(entry));
    io::read_tensor_bytes(entry, tensor.mutable_data_ptr());
    tensors.emplace(entry.name, std::move(tensor));
  }
  return tensors;
}

}  // namespace rrpo::data
