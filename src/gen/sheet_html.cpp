#include "sheet_html.h"

#include <algorithm>

#include "rrpo/report/html.h"
#include "rrpo/video/sheet.h"
#include "rrpo/video/transform.h"
#include "rrpo/video/writer.h"

namespace rrpo::gen {

std::string sheet_html(const video::Frames& frames, int64_t columns, const std::string& caption) {
  constexpr int64_t kSide = 160;
  const int64_t scale = std::max<int64_t>(1, kSide / std::max(frames.height, frames.width) / 2 * 2);
  video::Frames shown = frames;
  if (frames.width > kSide)
    shown = video::resize_bicubic(frames, std::max<int64_t>(1, frames.height * kSide / frames.width), kSide);
  const video::Frames picture = video::contact_sheet(shown, columns, scale);
  return report::figure(report::png_image(video::encode_png(picture, 0), caption), caption);
}

}  // namespace rrpo::gen
