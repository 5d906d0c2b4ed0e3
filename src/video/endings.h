// Does a picture file hold all of its picture? Decoders fill up what is missing, with grey or with what stood there before.
#pragma once

#include "source.h"

namespace rrpo::video {

/// The kinds of picture files, by their first bytes.
enum class PictureKind { png, jpeg, webp, bmp, gif, unknown };
PictureKind picture_kind(const Source& source);

/// Throws Error(input) when the file ends before the picture does: before the end mark of a PNG or JPEG, the length that a
/// WebP states, the last row of a BMP. What stands behind the end is not looked at.
void check_picture_ending(const Source& source, PictureKind kind);

/// The number of pictures in a GIF. Throws Error(input) when the file ends before its trailer.
int64_t count_gif_pictures(const Source& source);

}  // namespace rrpo::video
