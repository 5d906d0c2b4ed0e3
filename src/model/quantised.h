// Checkpoints whose weights are not the numbers that they stand for.
#pragma once

#include <filesystem>

#include "rrpo/io/safetensors.h"
#include "rrpo/util/json_file.h"

namespace rrpo::model {

/// Throws Error(input, "weights") naming the method of a `config.json` that says so (bitsandbytes, GPTQ, AWQ, FP8, …).
void check_not_quantised(const Json& config, const std::filesystem::path& folder);

/// The same by what such a method calls its tensors, where the configuration is silent.
void check_not_quantised(const io::TensorEntry& entry);

}  // namespace rrpo::model
