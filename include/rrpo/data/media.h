// A row's pictures: files to frames to a tensor of pixels.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <vector>

#include "rrpo/policy/policy.h"
#include "rrpo/rows/pair.h"
#include "rrpo/video/frames.h"

namespace rrpo::data {

/// The files of a row's pictures. Throws Error(input, "data") for a path that is absolute, leaves `root`, or names no file.
std::vector<std::filesystem::path> media_files(const rows::Media& media, const std::filesystem::path& root);

/// The frames of a row: `frames` all, as listed; a video's by `config`. Paths are relative to `root` and may not leave it.
video::Frames read_media(const rows::Media& media, const std::filesystem::path& root, const policy::VideoConfig& config);

/// Pixels of frames as the model takes them, [F, 3, S, S] float32 on the CPU.
at::Tensor pixel_tensor(const video::Frames& frames, const video::PixelSpec& spec);

}  // namespace rrpo::data
