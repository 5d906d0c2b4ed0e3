// Tensors from and to safetensors files.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "rrpo/io/safetensors.h"
#include "rrpo/model/lvlm.h"

namespace rrpo::model {

/// Names of safetensors types that hold weights; Undefined for any other.
at::ScalarType weight_type(const std::string& dtype);

/// A tensor of a file in `type` on `device`; on `meta` its shape alone, without a read. `entry` is of a type that holds
/// weights. Throws Error(numerics, "weights") naming file, tensor and element for a number that is not finite, or not in
/// `type`; Stopped in the middle of it when a stop was asked for.
at::Tensor read_tensor(const io::TensorEntry& entry, at::ScalarType type, at::Device device);

/// Its numbers [first, first + count) in order of memory, [count]; nothing else of the file is read.
at::Tensor read_numbers(const io::TensorEntry& entry, int64_t first, int64_t count, at::ScalarType type, at::Device device);

/// The same in the type in which it is stored, in float32 where that is float64: what four bits are made of.
at::Tensor read_as_stored(const io::TensorEntry& entry, at::Device device);

/// Where tensors come from, for errors: the part that complains, the folder, and what to try.
struct TensorSource {
  std::string component;
  std::filesystem::path folder;
  std::string fix;
};

/// The `count` equal ranges of rows that a tensor of a file consists of. Throws Error(input, `component`) naming the tensor
/// where its rows do not divide.
std::vector<io::TensorEntry> split_rows(const io::TensorEntry& entry, size_t count, const std::string& component);

/// Entries of files by the canonical names of what they hold.
using FoundTensors = std::vector<std::pair<std::string, io::TensorEntry>>;
/// Reads one entry into its place.
using ReadInto = std::function<void(const NamedTensor&, const io::TensorEntry&)>;

/// Calls `read` for every tensor of `wanted` with the entry of the same canonical name, on a few threads. Missing,
/// unexpected, misshapen and doubly named tensors are reported together in one Error(input) about `source` before that; one
/// that is named twice with equal bytes is a note.
void read_tensors(const std::vector<NamedTensor>& wanted, const FoundTensors& found, const TensorSource& source,
                  const ReadInto& read);
/// The same with each tensor filled by its values in `type` on `device`.
void fill_tensors(const std::vector<NamedTensor>& wanted, const FoundTensors& found, at::ScalarType type, at::Device device,
                  const TensorSource& source);

/// Writes tensors as `type` under their names.
void write_tensors(const std::filesystem::path& file, const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                   at::ScalarType type);

}  // namespace rrpo::model
