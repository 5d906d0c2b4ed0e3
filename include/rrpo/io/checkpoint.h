// A Hugging Face checkpoint folder: one safetensors file, or an index and its shards, as one list of named tensors.
#pragma once

#include <filesystem>
#include <vector>

#include "rrpo/io/safetensors.h"

namespace rrpo::io {

/// All tensors of `model.safetensors` or of `model.safetensors.index.json` and its shards, sorted by name. A shard that is
/// missing, a tensor that the index places elsewhere, or a pickle instead of safetensors: Error(input, "weights").
std::vector<TensorEntry> open_checkpoint(const std::filesystem::path& folder);

}  // namespace rrpo::io
