// Names of the Hugging Face hub, looked up in what this machine has downloaded. Nothing is ever fetched.
#pragma once

#include <filesystem>
#include <string>

#include "rrpo/policy/policy.h"

namespace rrpo::policy {

/// The hub's cache by the environment, as huggingface_hub finds it: HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME/hub,
/// XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub. Empty where none of these is set.
std::filesystem::path hub_cache();

/// `path` itself where it exists or is no `owner/name`; else the snapshot of that model in hub_cache(): the one that
/// refs/main names, or the newest. Throws Error(input, "model") with the command that downloads it. `field` is model.path or
/// model.adapter.
std::filesystem::path find_model(const std::filesystem::path& path, const std::string& field);

/// Puts the folders of the hub's names in place of `config.path` and `config.adapter`; a note says which.
void find_models(ModelConfig& config);

}  // namespace rrpo::policy
