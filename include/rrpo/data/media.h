// A row's pictures: files to frames to a tensor of pixels.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "rrpo/policy/policy.h"
#include "rrpo/rows/pair.h"
#include "rrpo/video/frames.h"
#include "rrpo/video/tiles.h"

namespace rrpo::data {

/// The files of a row's pictures: its video, the pictures that it lists, or all of its folder, from the first number up to
/// one that is absent. Throws Error(input, "data") for a path that is absolute, leaves `root` (by a link: unless
/// `follow_links`), is absent, or names no file.
std::vector<std::filesystem::path> media_files(const rows::Media& media, const std::filesystem::path& root,
                                               bool follow_links = false);

/// The frames of a row: `frames` all, as listed; of a video or a folder those of `frame_indices`, or by `config`. Paths are
/// relative to `root` and may not leave it. Throws Error as media_files() and the readers of video/ do, and Stopped when a
/// stop was asked for.
video::Frames read_media(const rows::Media& media, const std::filesystem::path& root, const policy::VideoConfig& config);

/// How many frames read_media() gives, without decoding: a file is looked into only where a rule goes by its length. Throws
/// as read_media() does.
int64_t count_frames(const rows::Media& media, const std::filesystem::path& root, const policy::VideoConfig& config);
/// True where the row and `config` say it without the file.
bool has_fixed_count(const rows::Media& media, const policy::VideoConfig& config);
/// The same where no file is opened: at most, and without a cap what a prompt hardly exceeds.
int64_t most_frames(const rows::Media& media, const policy::VideoConfig& config);

/// What the vision tower takes of a row.
struct TowerInput {
  at::Tensor pixels;                         ///< [F, 3, S, S] float32, CPU: frames, or the tiles of a still
  std::optional<video::Resolution> picture;  ///< that still's size
};
/// Frames as they are shown to the model: a row of one still picture in tiles where `policy.tiles` is set, all else as a
/// video.
TowerInput tower_input(const policy::Policy& policy, const rows::Media& media, const video::Frames& frames);
/// The number of visual tokens of it.
int64_t visual_token_count(const policy::Policy& policy, const TowerInput& input);

/// Pixels of frames as the model takes them, [F, 3, S, S] float32 on the CPU.
at::Tensor pixel_tensor(const video::Frames& frames, const video::PixelSpec& spec);

}  // namespace rrpo::data
