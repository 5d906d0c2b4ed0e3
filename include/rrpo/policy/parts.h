// A policy that the ranks of a training hold in parts.
#pragma once

#include <optional>
#include <string>

#include "rrpo/model/shards.h"
#include "rrpo/policy/policy.h"

namespace rrpo::policy {

/// open_policy() and open_shapes() for ranks that may divide the model among them, as `config.frozen` has it; without
/// `peers` that is refused.
Policy open_policy(const ModelConfig& config, const std::string& device, const model::Peers& peers);
Policy open_shapes(const ModelConfig& config, const std::string& device, const model::Peers& peers);

/// Throws Error(usage) for a model that is to be held in parts: for what has no ranks.
void require_whole(const ModelConfig& config);

}  // namespace rrpo::policy
