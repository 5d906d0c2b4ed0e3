// A safetensors file written again with other values in some of its tensors.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "rrpo/io/safetensors.h"

namespace rrpo::io {

/// Changes the bytes of one tensor in place (their number stays), or leaves them as they are.
using ChangeBytes = std::function<void(const TensorEntry& entry, std::vector<char>& bytes)>;

/// Writes `from` as `to` (temporary name, fsync, rename): the same header, byte for byte, and the tensors in the same
/// places, each as `change` leaves it. Holds one tensor at a time. Throws Stopped between two tensors when a stop was asked
/// for; `to` is then as it was.
void rewrite_safetensors(const std::filesystem::path& from, const std::filesystem::path& to, const ChangeBytes& change);

}  // namespace rrpo::io
