// An adapter added into the weights that it adapts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

#include "rrpo/model/lvlm.h"

namespace rrpo::model {

/// What a merge wrote.
struct MergedFiles {
  int64_t files = 0;
  int64_t merged = 0;            ///< tensors that carry the adapter now
  int64_t kept = 0;              ///< tensors whose bytes are the base's
  std::set<std::string> dtypes;  ///< of the merged tensors: F64, F32, F16, BF16
};

/// Writes the weight files of the checkpoint folder `base` to `out`: the same files (shards stay shards, with their index),
/// names, dtypes and order. A linear with an adapter becomes W + scale * B A, computed in float32 (float64 for F64 weights)
/// and rounded once to the dtype of W, as PEFT's merge_and_unload does; every other tensor keeps its bytes. `adapted` is the
/// base with its adapter. Holds one tensor of the files at a time. Throws Error(numerics) for a merged weight that is not
/// finite.
MergedFiles write_merged(const Lvlm& adapted, const std::filesystem::path& base, const std::filesystem::path& out);

}  // namespace rrpo::model
