// Named tensors to and from a safetensors file.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace rrpo::data {

using TensorMap = std::map<std::string, at::Tensor>;

/// Writes the tensors (any device, any of float64, float32, bfloat16, float16, int64) as one complete file.
void save_tensors(const std::filesystem::path& file, const TensorMap& tensors,
                  const std::map<std::string, std::string>& metadata = {});
/// Bytes of the file that save_tensors() would write; values are not read.
int64_t file_bytes(const TensorMap& tensors, const std::map<std::string, std::string>& metadata = {});
/// Reads every tensor to the CPU. Throws Error(input, "weights").
TensorMap load_tensors(const std::filesystem::path& file);

}  // namespace rrpo::data
