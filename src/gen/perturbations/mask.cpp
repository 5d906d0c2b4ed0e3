// A rectangle of one colour at the same place in every frame.
#include <algorithm>
#include <array>
#include <cmath>

#include "rows.h"

namespace rrpo::gen {
namespace {

struct MaskConfig {
  std::string name = "mask";
  std::vector<double> area = {0.25, 0.5};
  std::vector<double> aspect = {0.6, 1.6};
  Json fill = "mean";

  template <class V>
  void fields(V& v) {
    v("name", name, "mask");
    v("area", area, "share of the frame's area that is covered, drawn uniformly between two numbers");
    v("aspect", aspect, "height : width of the rectangle (cut to the frame), drawn log-uniformly between two numbers");
    v("fill", fill, "colour: mean (of the clip), black, white (245), or a grey level 0-255");
  }

  void check(const std::string& at) const {
    const auto range = [](const std::vector<double>& r, double most) {
      return r.size() == 2 && r[0] > 0 && r[0] <= r[1] && r[1] <= most;
    };
    if (!range(area, 1.0)) bad_field(at + ".area", "needs two rising numbers in (0, 1]", "\"area\": [0.25, 0.5]");
    if (!range(aspect, 100.0)) bad_field(at + ".aspect", "needs two rising numbers in (0, 100]", "\"aspect\": [0.6, 1.6]");
    const bool grey = fill.is_number_integer() && fill.get<int64_t>() >= 0 && fill.get<int64_t>() <= 255;
    if (!grey && fill != "mean" && fill != "black" && fill != "white") {
      bad_field(at + ".fill", fill.dump() + " is no fill", "\"mean\", \"black\", \"white\" or a grey level 0-255");
    }
  }
};

using Colour = std::array<uint8_t, 3>;

Colour mean_colour(const video::Frames& frames) {
  std::array<int64_t, 3> sums{};
  for (size_t i = 0; i < frames.rgb.size(); ++i) sums[i % 3] += frames.rgb[i];
  const auto pixels = static_cast<double>(frames.rgb.size() / 3);
  Colour mean{};
  for (size_t c = 0; c < 3; ++c) mean[c] = static_cast<uint8_t>(std::lround(static_cast<double>(sums[c]) / pixels));
  return mean;
}

Colour fill_colour(const Json& fill, const video::Frames& frames) {
  if (fill == "mean") return mean_colour(frames);
  const int64_t grey = fill == "black" ? 0 : fill == "white" ? 245 : fill.get<int64_t>();
  const auto level = static_cast<uint8_t>(grey);
  return {level, level, level};
}

struct Box {
  int64_t y = 0, x = 0, height = 0, width = 0;
};

Box draw_box(const MaskConfig& config, const video::Frames& frames, Random& random) {
  const auto height = static_cast<double>(frames.height), width = static_cast<double>(frames.width);
  const double area = random.uniform(config.area[0], config.area[1]) * height * width;
  const double aspect = std::exp(random.uniform(std::log(config.aspect[0]), std::log(config.aspect[1])));
  Box box;
  box.height = std::max<int64_t>(std::lround(std::min(height, std::sqrt(area * aspect))), 1);
  box.width = std::max<int64_t>(std::lround(std::min(width, area / static_cast<double>(box.height))), 1);
  box.y = random.below(frames.height - box.height + 1);
  box.x = random.below(frames.width - box.width + 1);
  return box;
}

video::Frames apply_mask(const MaskConfig& config, const video::Frames& frames, Random& random) {
  const Colour colour = fill_colour(config.fill, frames);
  const Box box = draw_box(config, frames, random);
  video::Frames out = frames;
  for (int64_t i = 0; i < out.count; ++i) {
    for (int64_t y = box.y; y < box.y + box.height; ++y) {
      uint8_t* to = out.frame(i) + (y * out.width + box.x) * 3;
      for (int64_t x = 0; x < box.width; ++x, to += 3) std::copy(colour.begin(), colour.end(), to);
    }
  }
  return out;
}

}  // namespace

Perturbation mask_row() {
  return perturbation_row<MaskConfig>("cover one rectangle at the same place in every frame", apply_mask);
}

}  // namespace rrpo::gen
