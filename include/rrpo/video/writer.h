// Frames to files: PNG pictures and H.264 clips, through FFmpeg.
#pragma once

#include <filesystem>
#include <string>

#include "rrpo/video/frames.h"

namespace rrpo::video {

/// One frame as PNG bytes.
std::string encode_png(const Frames& frames, int64_t index);
/// Frames as an MP4 of H.264 (libx264, yuv420p, one thread: same bytes from the same frames on one machine).
void write_clip(const std::filesystem::path& file, const Frames& frames, double fps, int crf = 20, int gop = 8);

}  // namespace rrpo::video
