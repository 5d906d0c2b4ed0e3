// Frames on a page.
#pragma once

#include <cstdint>
#include <string>

#include "rrpo/video/frames.h"

namespace rrpo::gen {

/// Frames as one picture with a line below it, not wider than a page wants them.
std::string sheet_html(const video::Frames& frames, int64_t columns, const std::string& caption);

}  // namespace rrpo::gen
