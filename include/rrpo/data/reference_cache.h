// What the reference says of answers, kept from one epoch to the next: its final hidden rows of the read positions.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/data/bounded_map.h"
#include "rrpo/data/tensor_folder.h"
#include "rrpo/model/packed_rows.h"
#include "rrpo/policy/policy.h"

namespace rrpo::data {

/// Hash of all of the decoder that the reference's rows depend on: its weights as products see them (without the adapter,
/// and whether they are held in four bits or in parts), its dimensions, compute type and kind of device. The weights are
/// read once, where they lie.
std::string reference_key(policy::Policy& policy);

/// The name of the reference's rows of one pass: everything that goes into it beside the decoder, which are the clips by
/// their names (VisualCache::name), in order, and all rows with their ids, positions, segments and which are read. Two
/// passes over other company of the same pair may differ in the last bits, so they have two names.
std::string reference_name(const std::vector<std::string>& clips, const model::PackedRows& rows);

/// A bounded map in memory and, when a folder is given, one safetensors file per pass. Safe to use from several threads and
/// processes. What it returns is bit for bit what was put in, and its name stands for all of what it depends on, so a run
/// with a cache equals one without, interrupted or not.
class ReferenceCache {
 public:
  /// `bytes`: what the map may hold; later rows are then not kept, which is said once.
  explicit ReferenceCache(int64_t bytes)
      : rows_(bytes, "the reference's rows", "those of further passes are computed again when their turn comes") {}

  /// Keeps rows in `folder` too, in files named by `key` and the name of the rows. Throws Error(environment) for a folder
  /// that cannot be made.
  void open_folder(const std::filesystem::path& folder, std::string key);

  /// The rows [M, D] (CPU) kept under `name`; undefined where there are none. A file that is not what insert() wrote counts
  /// as damaged: it is never used, and the next insert() replaces it.
  at::Tensor find(const std::string& name);
  void insert(const std::string& name, const at::Tensor& rows);

  /// Files that were found damaged so far.
  int64_t damaged() const { return folder_ ? folder_->damaged() : 0; }

 private:
  std::string name_in_folder(const std::string& name) const;

  BoundedMap<at::Tensor> rows_;
  std::optional<TensorFolder> folder_;
  std::string key_;
};

}  // namespace rrpo::data
