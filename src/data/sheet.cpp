#include "rrpo/data/sheet.h"

#include <algorithm>

#include "rrpo/data/media.h"
#include "rrpo/report/html.h"
#include "rrpo/util/error.h"
#include "rrpo/video/sheet.h"
#include "rrpo/video/transform.h"
#include "rrpo/video/writer.h"

namespace rrpo::data {

video::Frames picked(const video::Frames& frames, int64_t most) {
  if (most <= 0 || frames.count <= most) return frames;
  video::Frames out = frames;
  out.count = most;
  out.rgb.clear(), out.time_s.clear(), out.index.clear();
  for (int64_t i = 0; i < most; ++i) {
    const int64_t at = i * frames.count / most;
    out.rgb.insert(out.rgb.end(), frames.frame(at), frames.frame(at) + frames.frame_bytes());
    out.time_s.push_back(frames.time_s[static_cast<size_t>(at)]);
    out.index.push_back(frames.index[static_cast<size_t>(at)]);
  }
  return out;
}

std::string sheet_html(const video::Frames& frames, int64_t columns, const std::string& caption, int64_t side) {
  constexpr int64_t kWide = 480;  // pixels; a wider sheet is scrolled on a narrow screen, a smaller one fits
  const int64_t scale = std::max<int64_t>(1, side / std::max(frames.height, frames.width) / 2 * 2);
  video::Frames shown = frames;
  if (frames.width > side)
    shown = video::resize_bicubic(frames, std::max<int64_t>(1, frames.height * side / frames.width), side);
  const video::Frames picture = video::contact_sheet(shown, columns, scale);
  return report::figure(report::png_image(video::encode_png(picture, 0), caption, 0, picture.width >= kWide), caption);
}

std::string strip_html(const rows::Media& media, const std::filesystem::path& root, const policy::VideoConfig& config) {
  constexpr int64_t kFrames = 6, kSide = 96;
  try {
    const video::Frames frames = read_media(media, root, config);
    const int64_t shown = std::min(frames.count, kFrames);
    const std::string which =
        shown < frames.count ? std::to_string(shown) + " of " + std::to_string(frames.count) + " frames" : "the frames";
    return sheet_html(picked(frames, kFrames), kFrames, which, kSide);
  } catch (const Error& error) {
    return report::figure("", std::string("The frames cannot be shown. ") + error.what());
  }
}

}  // namespace rrpo::data
