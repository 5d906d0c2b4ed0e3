// How long a text may be.
#pragma once

#include <cstdint>
#include <filesystem>

namespace rrpo::policy {

/// Tokens, visual ones too, that the model of a folder was made for (`max_position_embeddings`); 0 where its config.json
/// does not say. Throws Error(input, "model") for a value that is no number of them.
int64_t read_positions(const std::filesystem::path& folder);

}  // namespace rrpo::policy
