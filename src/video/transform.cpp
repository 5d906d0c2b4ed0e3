#include "rrpo/video/transform.h"

namespace rrpo::video {
namespace {

using Table = std::array<float, 256>;

// The float32 of each byte: byte * rescale in double, cast, then minus mean and divided by std in float32.
Table table_of(const PixelSpec& spec, size_t channel) {
  Table table{};
  for (size_t byte = 0; byte < table.size(); ++byte) {
    const auto scaled = static_cast<float>(static_cast<double>(byte) * spec.rescale);
    table[byte] = (scaled - spec.mean[channel]) / spec.std[channel];
  }
  return table;
}

}  // namespace

void write_pixels(const Frames& frames, const PixelSpec& spec, float* out) {
  const Resolution own{frames.height, frames.width};
  const bool same = fitted_size(spec, frames.count, own) == own && fitted_count(spec, frames.count, own) == frames.count;
  const Frames fitted = same ? Frames{} : fit(frames, spec);
  const Frames& source = same ? frames : fitted;
  const int64_t area = source.height * source.width;
  const Table red = table_of(spec, 0), green = table_of(spec, 1), blue = table_of(spec, 2);
  for (int64_t i = 0; i < source.count; ++i, out += 3 * area) {
    const uint8_t* from = source.frame(i);
    for (int64_t p = 0; p < area; ++p, from += 3) {
      out[p] = red[from[0]];
      out[area + p] = green[from[1]];
      out[2 * area + p] = blue[from[2]];
    }
  }
}

Pixels to_pixels(const Frames& frames, const PixelSpec& spec) {
  const Resolution own{frames.height, frames.width}, size = fitted_size(spec, frames.count, own);
  Pixels pixels{.count = fitted_count(spec, frames.count, own), .height = size.height, .width = size.width, .values = {}};
  pixels.values.resize(static_cast<size_t>(pixels.count * 3 * size.height * size.width));
  write_pixels(frames, spec, pixels.values.data());
  return pixels;
}

}  // namespace rrpo::video
