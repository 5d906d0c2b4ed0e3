// What lies in an adapter's folder besides the adapter, and what its file holds besides LoRA.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "adapter_keys.h"
#include "peft_config.h"
#include "rrpo/model/lvlm.h"

namespace rrpo::model {

/// The way out for an adapter that does more than this program computes.
extern const char* const kMergeWithPeft;

/// Throws Error(input, "adapter") naming the first file of weights that would be left out: weights trained beside the
/// adapter, rows of new tokens, a second copy, anything of unknown kind. States of optimizers and the like are none; a whole
/// model with its config.json is a base that shares the folder, which is said.
void check_beside(const std::filesystem::path& folder);

/// Takes out of `entries` (PEFT's keys, canonical) what is no adapter of a linear and changes nothing: weights equal to the
/// base's, a value head; a note says so. Throws Error(input, "adapter") naming the part where it does change something: LoRA
/// on embedding, head or a convolution, weights that differ from the base's. What it does not know stays.
void take_out_harmless(Lvlm& lvlm, const std::filesystem::path& folder, Entries& entries);

/// Weights of whole modules that an adapter brings along.
struct SavedWeights {
  std::map<std::string, NamedTensor> base;  ///< the base's, by canonical name
  std::vector<std::string> modules;         ///< which of modules_to_save hold them
  Entries entries;                          ///< those of the file
};
/// Takes out of `entries` the weights of the projector's modules that modules_to_save names; none where all are equal to the
/// base's.
SavedWeights take_saved(Lvlm& lvlm, const Family& family, const PeftConfig& peft, Entries& entries);
/// Puts them in the place of the base's, which are then gone (replaces_weights()); a note says so. Throws Error(input,
/// "adapter") where the file lacks a part, and has then changed nothing.
void put_saved(Weights& weights, const SavedWeights& saved, const std::filesystem::path& folder);

}  // namespace rrpo::model
