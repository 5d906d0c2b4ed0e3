// What lies in an adapter's folder besides the adapter, and what its file holds besides LoRA.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "rrpo/io/safetensors.h"
#include "rrpo/model/lvlm.h"

namespace rrpo::model {

/// The way out for an adapter that does more than this program computes.
extern const char* const kMergeWithPeft;

/// Throws Error(input, "adapter") naming the first file of weights that would be left out: weights trained beside the
/// adapter, rows of new tokens, a second copy, anything of unknown kind. States of optimizers and the like are none; a whole
/// model with its config.json is a base that shares the folder, which is said.
void check_beside(const std::filesystem::path& folder);

/// Tensors of files: (canonical name, entry).
using Entries = std::vector<std::pair<std::string, io::TensorEntry>>;

/// Takes out of `entries` (PEFT's keys, canonical) what is no adapter of a decoder's linear and changes nothing: weights
/// equal to the base's, a value head; a note says so. Throws Error(input, "adapter") naming the part where it does change
/// something: LoRA on tower, projector, embedding or head, weights that differ from the base's. What it does not know stays.
void take_out_harmless(Lvlm& lvlm, const std::filesystem::path& folder, Entries& entries);

}  // namespace rrpo::model
