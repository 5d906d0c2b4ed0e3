// Frames side by side in one picture, for pages that people read.
#pragma once

#include "rrpo/video/frames.h"

namespace rrpo::video {

/// All frames in reading order as one picture: `columns` a row (less where there are fewer frames), each pixel drawn
/// `scale` x `scale`, a thin white gap between frames, white where the last row ends early.
Frames contact_sheet(const Frames& frames, int64_t columns, int64_t scale);

}  // namespace rrpo::video
