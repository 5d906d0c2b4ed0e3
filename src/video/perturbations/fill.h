// The colour that a perturbation paints with.
#pragma once

#include <array>
#include <string>

#include "rrpo/util/json_file.h"
#include "rrpo/video/frames.h"

namespace rrpo::video {

using Colour = std::array<uint8_t, 3>;

inline constexpr const char* kFillHelp = "colour: mean (of the clip), black, white (245), or a grey level 0-255";

/// Throws Error(usage) for a value of `fill` that names no colour.
void check_fill(const std::string& at, const Json& fill);
Colour fill_colour(const Json& fill, const Frames& frames);

}  // namespace rrpo::video
