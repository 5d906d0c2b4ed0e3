// Video files and pictures to frames, through FFmpeg.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/video/frames.h"

namespace rrpo::video {

/// A part of a video in seconds, half-open.
struct Clip {
  double start_s = 0;
  double end_s = 0;
};

/// Decodes the video once from its beginning and returns `wanted` frames chosen by `rule` among the frames that decode
/// (inside `clip`, if given), upright, converted by plain swscale to RGB24. The number of frames is counted, never believed
/// from the container. Throws Error(input, "video") naming file and fault: unreadable, not a known container, no video
/// stream, a damaged frame, no frame in the clip.
Frames read_video(const std::filesystem::path& file, const std::string& rule, int64_t wanted,
                  const std::optional<Clip>& clip = std::nullopt);

/// Every frame of a video.
Frames read_all_frames(const std::filesystem::path& file, const std::optional<Clip>& clip = std::nullopt);

/// Pictures (PNG, JPEG) of one size as frames, all of them in order.
Frames read_pictures(const std::vector<std::filesystem::path>& files);

}  // namespace rrpo::video
