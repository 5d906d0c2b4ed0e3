// What model.dtype means for a checkpoint on a device.
#pragma once

#include <string>

#include "rrpo/policy/policy.h"

namespace rrpo::policy {

/// The type that `config.dtype` asks for on a resolved device (cpu, cuda, cuda:N). `auto` is float32 on a CPU, whose
/// products in 16 bits are no faster, and on a GPU what the checkpoint was saved in: bfloat16 for one of 16 bits.
model::Dtype compute_type(const ModelConfig& config, const std::string& device);

}  // namespace rrpo::policy
