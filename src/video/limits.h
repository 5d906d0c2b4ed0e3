// The bound on memory as an error that names its field.
#pragma once

#include <filesystem>
#include <string>

#include "rrpo/video/reader.h"

namespace rrpo::video {

/// Throws Error(input) when `bytes` are more than `limits` grants; `what` takes them: "16 frames of 640x360".
void check_memory(const std::filesystem::path& file, const std::string& what, int64_t bytes, const ReadLimits& limits);

/// The same for the pixels of `frames` and `beside` bytes of a video's packets.
void check_memory(const std::filesystem::path& file, const Frames& frames, int64_t beside, const ReadLimits& limits);

}  // namespace rrpo::video
