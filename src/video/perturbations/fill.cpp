#include "fill.h"

#include <cmath>

#include "rrpo/util/fields.h"

namespace rrpo::video {

namespace {

Colour mean_colour(const Frames& frames) {
  std::array<int64_t, 3> sums{};
  for (size_t i = 0; i < frames.rgb.size(); ++i) sums[i % 3] += frames.rgb[i];
  const auto pixels = static_cast<double>(frames.rgb.size()) / 3;
  Colour mean{};
  for (size_t c = 0; c < 3; ++c) mean[c] = static_cast<uint8_t>(std::lround(static_cast<double>(sums[c]) / pixels));
  return mean;
}

}  // namespace

void check_fill(const std::string& at, const Json& fill) {
  const bool grey = fill.is_number_integer() && fill.get<int64_t>() >= 0 && fill.get<int64_t>() <= 255;
  if (!grey && fill != "mean" && fill != "black" && fill != "white")
    bad_field(at, fill.dump() + " is no fill", "\"mean\", \"black\", \"white\" or a grey level 0-255");
}

Colour fill_colour(const Json& fill, const Frames& frames) {
  if (fill == "mean") return mean_colour(frames);
  const int64_t grey = fill == "black" ? 0 : fill == "white" ? 245 : fill.get<int64_t>();
  const auto level = static_cast<uint8_t>(grey);
  return {level, level, level};
}

}  // namespace rrpo::video
