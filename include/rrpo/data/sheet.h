// Frames on a page.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "rrpo/policy/policy.h"
#include "rrpo/rows/pair.h"
#include "rrpo/video/frames.h"

namespace rrpo::data {

/// `most` of the frames, evenly picked; 0: all.
video::Frames picked(const video::Frames& frames, int64_t most);

/// Frames as one picture with a line below it, not wider than a page wants them; `side` is the width of a frame on it, in
/// pixels.
std::string sheet_html(const video::Frames& frames, int64_t columns, const std::string& caption, int64_t side = 160);

/// Six small frames of a row's pictures, or the reason why there are none: an example on a page must never be what a run
/// fails of.
std::string strip_html(const rows::Media& media, const std::filesystem::path& root, const policy::VideoConfig& config);

}  // namespace rrpo::data
