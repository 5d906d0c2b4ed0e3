// The model of a run: which of its tensors are trained, and how the result is written.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/loss/loss.h"
#include "rrpo/model/lvlm.h"
#include "rrpo/policy/policy.h"
#include "rrpo/train/config.h"

namespace rrpo::train {

/// True when the adapter is trained, false for parts of the model itself.
bool trains_adapter(const LoopConfig& config);
/// True when vision tower and projector keep their values, so that visual tokens may be kept.
bool freezes_vision(const LoopConfig& config);

/// Throws Error(usage) for what cannot be trained: an objective with a reference and trained parts (the reference is the
/// same weights with the adapter off), parts in another type than float32, parts under an adapter.
void check_trainable(const TrainConfig& config, const loss::Objective& objective);

/// Throws Error(usage) for an adapter that replaces modules where the objective needs a reference.
void check_reference(const policy::Policy& policy, const loss::Objective& objective);

/// Gives the model what `train.trainable` names (a fresh adapter of `config.lora` where it has none) and returns those
/// tensors, as leaves that require a gradient, in float32 (float64 in double) whatever the compute type; everything else is
/// frozen.
std::vector<model::NamedTensor> prepare_trainable(policy::Policy& policy, const TrainConfig& config);

/// Copies configuration, tokenizer and processor files (never weights) of a checkpoint folder.
void copy_model_files(const std::filesystem::path& from, const std::filesystem::path& to);

/// Writes `out/adapter` (PEFT) or `out/model` (Hugging Face folder) as a whole and returns its path.
std::filesystem::path save_result(policy::Policy& policy, const TrainConfig& config, const std::filesystem::path& out);

}  // namespace rrpo::train
