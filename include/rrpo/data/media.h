// A row's pictures: files to frames to a tensor of pixels.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "rrpo/policy/policy.h"
#include "rrpo/rows/pair.h"
#include "rrpo/video/frames.h"

namespace rrpo::data {

/// The files of a row's pictures: its video, the pictures that it lists, or all of its folder, from the first number up to
/// one that is absent. Throws Error(input, "data") for a path that is absolute, leaves `root` (by a link: unless
/// `follow_links`), is absent, or names no file.
std::vector<std::filesystem::path> media_files(const rows::Media& media, const std::filesystem::path& root,
                                               bool follow_links = false);

/// The frames of a row: `frames` all, as listed; of a video or a folder those of `frame_indices`, or by `config`. Paths are
/// relative to `root` and may not leave it. `threads` decode one video, which changes no byte. Throws Error as media_files()
/// and the readers of video/ do, and Stopped when a stop was asked for.
video::Frames read_media(const rows::Media& media, const std::filesystem::path& root, const policy::VideoConfig& config,
                         int64_t threads = 1);
/// What a view that asks for perturbations shows of the frames of its media.
video::Frames perturbed_frames(const rows::View& view, const video::Frames& frames);
/// Threads for each of `clips` that are read at a time: the cores that their own threads leave, at least 1.
int64_t threads_of_a_clip(int64_t clips);

/// Numbers and times of the frames that read_media() gives and the length of their video, without a picture: by the packets
/// where these are certain (config.verify asks for more), else by decoding. Throws as read_media() does, but for damage that
/// the packets do not show.
video::Frames read_times(const rows::Media& media, const std::filesystem::path& root, const policy::VideoConfig& config);

/// What read_media() gives but for the pictures, without decoding: a file is looked into, of pictures the first one. Throws
/// as read_media() does.
video::Frames outline_media(const rows::Media& media, const std::filesystem::path& root, const policy::VideoConfig& config);
/// True where the row and `config` say how many frames read_media() gives without the file.
bool has_fixed_count(const rows::Media& media, const policy::VideoConfig& config);
/// Their number where no file is opened: at most, and without a cap what a prompt hardly exceeds.
int64_t most_frames(const rows::Media& media, const policy::VideoConfig& config);

/// True for a row of one picture that is shown as a picture, not as a video of one frame.
bool is_still(const policy::Policy& policy, const rows::Media& media);
/// What decides how many visual tokens frames come to, shown as `policy` shows a row; of `frames` the pictures are not read.
model::ClipForm form_of(const policy::Policy& policy, const rows::Media& media, const video::Frames& frames,
                        const policy::VideoConfig& config);
/// The form of any row with `count` frames, for an eye that takes squares; nothing for others.
std::optional<model::ClipForm> square_form(const policy::Policy& policy, int64_t count);
/// Frames as they are shown to the model: a row of one still picture as a picture where `policy.still` is set, all else as a
/// video.
model::ClipInput clip_input(const policy::Policy& policy, const rows::Media& media, const video::Frames& frames,
                            const policy::VideoConfig& config);

/// Pixels of frames as the model takes them, [F, 3, H, W] float32 on the CPU.
at::Tensor pixel_tensor(const video::Frames& frames, const video::PixelSpec& spec);

}  // namespace rrpo::data
