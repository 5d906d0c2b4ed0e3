// The libraries behind this layer, as they are loaded now.
#pragma once

#include <string>
#include <vector>

namespace rrpo::video {

std::string ffmpeg_version();
std::string opencv_version();

/// Names of the video codecs among h264, hevc, vp8, vp9, av1 and mpeg4 that this FFmpeg cannot decode.
std::vector<std::string> missing_decoders();

}  // namespace rrpo::video
