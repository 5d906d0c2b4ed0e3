// The part of the ranks that needs CUDA's headers to be built and a GPU to be used.
#pragma once

#include <filesystem>

namespace rrpo::world {

/// The plugin rrpo_nccl beside the program or its installation; empty where there is none.
std::filesystem::path nccl_plugin();

}  // namespace rrpo::world
