// Is all of a file there?
#pragma once

#include "source.h"

namespace rrpo::video {

/// Throws Error(input) when the container says that it is longer than the file: where it lists its packets, all of them must
/// lie inside the file; a Matroska or WebM segment must end in it, a GIF have its trailer. A transport stream says nothing
/// of the kind. Returns the number of pictures where the container states it by its form (GIF), else -1.
int64_t check_complete(const AVFormatContext& input, const AVStream& stream, const Source& source);

}  // namespace rrpo::video
