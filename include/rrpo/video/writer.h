// Frames to files: PNG pictures and H.264 clips, through FFmpeg.
#pragma once

#include <filesystem>
#include <string>

#include "rrpo/video/frames.h"

namespace rrpo::video {

/// One frame as PNG bytes.
std::string encode_png(const Frames& frames, int64_t index);
/// Frames as the bytes of an MP4 of H.264 (libx264, yuv420p, one thread): the same bytes from the same frames and libraries,
/// whatever the processor. Height and width must be even. Throws Error(environment, "video") where FFmpeg lacks the encoder.
std::string encode_clip(const Frames& frames, double fps, int crf = 20, int gop = 8);

/// The same as files, which appear whole or not at all. Throws Error(environment, "video") when they cannot be written.
void write_png(const std::filesystem::path& file, const Frames& frames, int64_t index);
void write_clip(const std::filesystem::path& file, const Frames& frames, double fps, int crf = 20, int gop = 8);

}  // namespace rrpo::video
