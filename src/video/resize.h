// A part of a resized picture.
#pragma once

#include "rrpo/video/frames.h"
#include "rrpo/video/tiles.h"

namespace rrpo::video {

/// What `part`, whose corner is at (top, left), shows of the frames resized to `whole`: the bytes of resize_bicubic, without
/// the rest of the picture.
Frames resize_part(const Frames& frames, Resolution whole, int64_t top, int64_t left, Resolution part);

}  // namespace rrpo::video
