// Video files and pictures to frames, through FFmpeg.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/video/frames.h"

namespace rrpo::video {

/// A part of a video in seconds, half-open.
struct Clip {
  double start_s = 0;
  double end_s = 0;
};

/// What reading one video or one list of pictures may take.
struct ReadLimits {
  /// Of its frames and its packets together, in bytes. What a decoder holds besides is bounded by the size of a frame.
  int64_t memory_bytes = int64_t{4} << 30;
};

/// Decodes the video once from its beginning and returns `wanted` frames chosen by `rule` among the frames that decode
/// (inside `clip`, if given), upright, converted by plain swscale to RGB24. The number of frames is counted, never believed
/// from the container. Throws Error(input, "video") naming file and fault: unreadable, not a known container, no video
/// stream, a damaged frame, no frame in the clip, more memory than `limits` grants; Stopped when a stop was asked for.
Frames read_video(const std::filesystem::path& file, const std::string& rule, int64_t wanted,
                  const std::optional<Clip>& clip = std::nullopt, const ReadLimits& limits = {});

/// Every frame of a video.
Frames read_all_frames(const std::filesystem::path& file, const std::optional<Clip>& clip = std::nullopt,
                       const ReadLimits& limits = {});

/// Pictures (PNG, JPEG, WebP, BMP) of one size as frames, all of them in order. Throws as `read_video` does: a picture that
/// ends early is refused, not filled up.
Frames read_pictures(const std::vector<std::filesystem::path>& files, const ReadLimits& limits = {});

/// The same over bytes in memory. `name` stands in errors, and its ending takes part in telling the format.
Frames read_video_bytes(std::string_view bytes, const std::string& rule, int64_t wanted,
                        const std::optional<Clip>& clip = std::nullopt, const ReadLimits& limits = {},
                        const std::filesystem::path& name = "bytes");
Frames read_picture_bytes(std::string_view bytes, const ReadLimits& limits = {},
                          const std::filesystem::path& name = "bytes");

}  // namespace rrpo::video
