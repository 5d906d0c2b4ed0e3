// Visual tokens of videos already encoded: valid while vision tower and projector do not change.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/model/lvlm.h"
#include "rrpo/policy/policy.h"
#include "rrpo/rows/pair.h"

namespace rrpo::data {

/// A bounded map in memory and, when a folder is given, one safetensors file per clip. Safe to use from several threads.
/// What it returns is bit for bit what was put in, so a run with a cache equals one without.
class VisualCache {
 public:
  /// `bytes`: what the map may hold; later clips are then not kept (never replaced, so that nothing depends on timing).
  explicit VisualCache(int64_t bytes = int64_t{1} << 30) : room_(bytes) {}

  /// Keeps clips in `folder` too. A clip's file is named by the SHA-256 of its media files' content, its place in them, the
  /// sampling rule, the pixel rule and the weights of vision tower and projector (as they are now, in their type).
  void open_folder(const std::filesystem::path& folder, policy::Policy& policy, const policy::VideoConfig& video,
                   const std::filesystem::path& root);

  /// The visual tokens [N, D] (CPU) of a media, or an undefined tensor.
  at::Tensor find(const rows::Media& media);
  void insert(const rows::Media& media, const at::Tensor& visual);

 private:
  std::filesystem::path file_of(const rows::Media& media) const;

  std::mutex mutex_;
  std::map<std::string, at::Tensor> clips_;
  int64_t room_;
  std::optional<std::filesystem::path> folder_;
  std::filesystem::path root_;
  std::string key_;  ///< of everything but the media
};

}  // namespace rrpo::data
