// Is all of a file there?
#pragma once

#include <filesystem>

#include "ffmpeg.h"

namespace rrpo::video {

/// Throws Error(input) when the container says that it is longer than the file: where it lists its packets, all of them must
/// lie inside the file; a Matroska or WebM segment must end in it. A transport stream and a GIF say nothing of the kind.
void check_complete(const AVFormatContext& input, const AVStream& stream, const std::filesystem::path& file);

}  // namespace rrpo::video
