#include "upright.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

extern "C" {
#include <libavutil/pixdesc.h>
}

namespace rrpo::video {
namespace {

void copy_turned(const AVFrame& rgb, const Orientation& turn, uint8_t* out) {
  const int64_t height = turn.swaps() ? rgb.width : rgb.height;
  const int64_t width = turn.swaps() ? rgb.height : rgb.width;
  // The stored pixel shown at (0, 0), and how it moves when the shown column or row grows by one.
  const int64_t x0 = (turn.swaps() ? turn.b : turn.a) < 0 ? rgb.width - 1 : 0;
  const int64_t y0 = (turn.swaps() ? turn.c : turn.d) < 0 ? rgb.height - 1 : 0;
  const int64_t step_x = turn.swaps() ? turn.c * rgb.linesize[0] : turn.a * 3;
  const int64_t step_y = turn.swaps() ? turn.b * 3 : turn.d * rgb.linesize[0];
  const uint8_t* origin = rgb.data[0] + y0 * rgb.linesize[0] + x0 * 3;
  for (int64_t y = 0; y < height; ++y) {
    const uint8_t* from = origin + y * step_y;
    for (int64_t x = 0; x < width; ++x, from += step_x, out += 3) std::memcpy(out, from, 3);
  }
}

}  // namespace

// What a matrix does beside scaling, which players leave to the size of the picture. Nothing at all is what some muxers
// write where they mean nothing.
Orientation orientation_of(const int32_t* matrix, const std::filesystem::path& file) {
  if (matrix == nullptr) return {};
  const std::array<double, 4> entries = {double(matrix[0]), double(matrix[1]), double(matrix[3]), double(matrix[4])};
  const auto [a, b, c, d] = entries;
  const auto sign = [](double value) { return value < 0 ? -1 : 1; };
  constexpr double kDegree = 0.0175;  // less is no angle
  const double straight = std::max(std::abs(a), std::abs(d)), turned = std::max(std::abs(b), std::abs(c));
  if (turned <= kDegree * straight) return {sign(a), 0, 0, sign(d)};
  if (straight <= kDegree * turned && b != 0 && c != 0) return {0, sign(b), sign(c), 0};
  bad_video(file, "turned by an angle that is not a multiple of 90 degrees", "re-encode it upright");
}

void RgbConverter::open_scaler(const Source& source, const std::filesystem::path& file) {
  const auto format = static_cast<AVPixelFormat>(source.format);
  scaler_.reset(sws_getContext(source.width, source.height, format, source.width, source.height, AV_PIX_FMT_RGB24,
                               SWS_BILINEAR, nullptr, nullptr, nullptr));
  const char* name = av_get_pix_fmt_name(format);
  if (!scaler_) {
    bad_video(file, std::string("pixel format ") + (name == nullptr ? "unknown" : name) + " cannot be converted",
              "re-encode it as yuv420p");
  }
  const AVPixFmtDescriptor* description = av_pix_fmt_desc_get(format);
  if (description == nullptr || (description->flags & AV_PIX_FMT_FLAG_RGB) != 0 || description->nb_components < 3) return;
  // What swscale does not take from the frame by itself: the matrix and the range that the stream declares.
  int *matrix = nullptr, *target = nullptr, full = 0, target_full = 0, brightness = 0, contrast = 0, saturation = 0;
  if (sws_getColorspaceDetails(scaler_.get(), &matrix, &full, &target, &target_full, &brightness, &contrast, &saturation) <
      0)
    return;
  const bool known = source.space >= 1 && source.space <= 10 && source.space != AVCOL_SPC_YCGCO;
  if (source.range != AVCOL_RANGE_UNSPECIFIED) full = source.range == AVCOL_RANGE_JPEG ? 1 : 0;
  sws_setColorspaceDetails(scaler_.get(), sws_getCoefficients(known ? source.space : SWS_CS_DEFAULT), full, target,
                           target_full, brightness, contrast, saturation);
}

void RgbConverter::prepare(const AVFrame& frame, const std::filesystem::path& file) {
  const Source source{frame.width, frame.height, frame.format, frame.colorspace, frame.color_range};
  if (!scaler_ || source != source_) open_scaler(source, file);
  source_ = source;
  if (rgb_ && rgb_->width == frame.width && rgb_->height == frame.height) return;
  rgb_ = new_frame();
  rgb_->width = frame.width;
  rgb_->height = frame.height;
  rgb_->format = AV_PIX_FMT_RGB24;
  // Aligned rows: swscale writes whole vectors past the last pixel.
  if (av_frame_get_buffer(rgb_.get(), 64) < 0)
    throw Error(Fault::environment, "video", "no memory for a frame", "free memory");
}

void RgbConverter::convert(const AVFrame& frame, uint8_t* out, const std::filesystem::path& file) {
  prepare(frame, file);
  const int rows = sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, rgb_->data, rgb_->linesize);
  if (rows != frame.height) bad_video(file, "a frame cannot be converted to RGB", "re-encode it as yuv420p");
  if (!orientation_.plain()) {
    copy_turned(*rgb_, orientation_, out);
    return;
  }
  const auto row_bytes = static_cast<size_t>(frame.width) * 3;
  for (int y = 0; y < frame.height; ++y) std::memcpy(out + y * row_bytes, rgb_->data[0] + y * rgb_->linesize[0], row_bytes);
}

}  // namespace rrpo::video
