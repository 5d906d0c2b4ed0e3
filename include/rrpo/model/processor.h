// The processor's files of a checkpoint folder: how frames become pixels.
#pragma once

#include <filesystem>

#include "rrpo/video/transform.h"

namespace rrpo::model {

/// True when a folder holds a processor's file.
bool has_pixel_spec(const std::filesystem::path& folder);

/// What a processor prepares.
enum class Media { video, image };

/// Squares by a folder's `processor_config.json`, `video_preprocessor_config.json` or `preprocessor_config.json`. Throws
/// Error(input, "model") naming file and key.
video::PixelSpec read_pixel_spec(const std::filesystem::path& folder, Media media = Media::video);

}  // namespace rrpo::model
