// The two kinds of groups that do the arithmetic between ranks.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <filesystem>
#include <string>

#include "rrpo/world/world.h"

namespace rrpo::world {

using Group = c10::intrusive_ptr<c10d::Backend>;

/// Gloo, over the interface that has the address `host`. Throws what LibTorch throws.
Group gloo_group(const c10::intrusive_ptr<c10d::Store>& store, const Place& place, const std::string& host);

/// NCCL on the GPU `cuda:N`, by the plugin. Throws Error(environment, "ranks") where that cannot be opened.
Group nccl_group(const c10::intrusive_ptr<c10d::Store>& store, const Place& place, int device);

}  // namespace rrpo::world
