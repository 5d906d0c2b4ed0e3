// A Hugging Face checkpoint folder: one safetensors file, or an index and its shards, as one list of named tensors.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "rrpo/io/safetensors.h"

namespace rrpo::io {

/// All tensors of `model.safetensors` or of `model.safetensors.index.json` and its shards, sorted by name. A shard that is
/// missing, a tensor that the index places elsewhere, or a pickle instead of safetensors: Error(input, "weights"). A tensor
/// for which `may_lack` is true may be missing although the index names it: tied weights are saved once and listed twice.
std::vector<TensorEntry> open_checkpoint(const std::filesystem::path& folder,
                                         const std::function<bool(const std::string&)>& may_lack = {});

}  // namespace rrpo::io
