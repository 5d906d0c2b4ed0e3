// Visual tokens of videos already encoded: valid while vision tower and projector do not change.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/data/bounded_map.h"
#include "rrpo/data/file_hashes.h"
#include "rrpo/data/tensor_folder.h"
#include "rrpo/policy/policy.h"
#include "rrpo/rows/pair.h"

namespace rrpo::data {

/// Hash of everything that turns the frames of a media into visual tokens: the weights of tower and projector as they are
/// now, what the family resolved about them (dimensions, epsilons, pooling, newline, tiling), the rules of frames and
/// pixels, compute type and kind of device.
std::string visual_key(policy::Policy& policy, const policy::VideoConfig& video);

/// A bounded map in memory and, when a folder is given, one safetensors file per clip. Safe to use from several threads.
/// What it returns is bit for bit what was put in, so a run with a cache equals one without.
class VisualCache {
 public:
  /// `bytes`: what the map may hold; later clips are then not kept, which is said once.
  explicit VisualCache(int64_t bytes = int64_t{1} << 30)
      : clips_(bytes, "visual tokens", "further clips are read again when their turn comes") {}

  /// Keeps clips in `folder` too. A clip's file is named by visual_key(), the content of its media files and its place in
  /// them, and carries a checksum over all that.
  void open_folder(const std::filesystem::path& folder, policy::Policy& policy, const policy::VideoConfig& video,
                   const std::filesystem::path& root);

  /// The visual tokens (CPU) of a view, for an eye that reads `eye_text` beside it; undefined where there are none. A file
  /// that is not what insert() wrote counts as damaged: it is never used, and the next insert() replaces it. Throws
  /// Error(input) for a media that cannot be read.
  model::VisualTokens find(const rows::View& view, const std::vector<int64_t>& eye_text = {});
  void insert(const rows::View& view, const std::vector<int64_t>& eye_text, const model::VisualTokens& visual);

  /// By what it knows a clip, for others who keep what follows from its tokens: equal names, equal tokens. With a folder
  /// from run to run, else within this one. Throws Error(input) as find() does.
  std::string name(const rows::View& view, const std::vector<int64_t>& eye_text);

  /// Hash of the content of a media's files, by which a folder knows it; empty where there is no folder. Throws Error(input)
  /// for a media that cannot be read.
  std::string files_of(const rows::Media& media);

  /// Files that were found damaged so far.
  int64_t damaged() const { return folder_ ? folder_->damaged() : 0; }

 private:
  std::string name_in_folder(const rows::View& view, const std::vector<int64_t>& eye_text);

  BoundedMap<model::VisualTokens> clips_;  ///< by media and text
  std::optional<TensorFolder> folder_;
  std::filesystem::path root_;
  std::string key_;  ///< of everything but the media
  FileHashes hashes_;
};

}  // namespace rrpo::data
