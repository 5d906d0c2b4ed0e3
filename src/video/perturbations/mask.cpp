// A part of the picture under one colour: a rectangle (the same in every frame, or one of its own in each), or patches of a
// grid.
#include <algorithm>
#include <cmath>

#include "entries.h"
#include "fill.h"
#include "rrpo/util/table.h"

namespace rrpo::video {
namespace {

struct MaskConfig {
  std::string name = "mask";
  std::vector<double> area = {0.25, 0.5};
  std::vector<double> aspect = {0.6, 1.6};
  Json fill = "mean";
  std::string shape = "tube";
  int64_t grid = 8;

  template <class V>
  void fields(V& v) {
    v("name", name, "mask");
    v("area", area, "share of the frame's area that is covered, drawn uniformly between two numbers");
    v("aspect", aspect, "height : width of the rectangle (cut to the frame), drawn log-uniformly between two numbers");
    v("fill", fill, kFillHelp);
    v("shape", shape,
      "tube: one rectangle at the same place in every frame; frame: a rectangle of its own in each frame; patches: cells of "
      "a "
      "grid, the same in every frame");
    v("grid", grid, "patches: cells along height and width");
  }

  void check(const std::string& at) const {
    const auto range = [](const std::vector<double>& r, double most) {
      return r.size() == 2 && r[0] > 0 && r[0] <= r[1] && r[1] <= most;
    };
    if (!range(area, 1.0)) bad_field(at + ".area", "needs two rising numbers in (0, 1]", "\"area\": [0.25, 0.5]");
    if (!range(aspect, 100.0)) bad_field(at + ".aspect", "needs two rising numbers in (0, 100]", "\"aspect\": [0.6, 1.6]");
    check_fill(at + ".fill", fill);
    check_choice(at + ".shape", shape, {"tube", "frame", "patches"});
    if (grid < 2 || grid > 64) bad_field(at + ".grid", std::to_string(grid) + " is outside 2 to 64", "\"grid\": 8");
  }
};

struct Box {
  int64_t y = 0, x = 0, height = 0, width = 0;
};

Box draw_box(const MaskConfig& config, const Frames& frames, Random& random) {
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

void paint(Frames& frames, int64_t frame, const Box& box, const Colour& colour) {
  for (int64_t y = box.y; y < box.y + box.height; ++y) {
    uint8_t* to = frames.frame(frame) + (y * frames.width + box.x) * 3;
    for (int64_t x = 0; x < box.width; ++x, to += 3) std::copy(colour.begin(), colour.end(), to);
  }
}

/// Cells of the grid that are covered, as boxes: the drawn share of them, one at least.
std::vector<Box> draw_patches(const MaskConfig& config, const Frames& frames, Random& random) {
  const int64_t cells = config.grid * config.grid;
  const double share = random.uniform(config.area[0], config.area[1]);
  const int64_t covered = std::clamp<int64_t>(std::lround(share * static_cast<double>(cells)), 1, cells);
  const std::vector<int64_t> order = random.permutation(cells);
  std::vector<Box> boxes;
  for (int64_t i = 0; i < covered; ++i) {
    const int64_t row = order[static_cast<size_t>(i)] / config.grid, column = order[static_cast<size_t>(i)] % config.grid;
    const int64_t y = row * frames.height / config.grid, x = column * frames.width / config.grid;
    boxes.push_back({y, x, (row + 1) * frames.height / config.grid - y, (column + 1) * frames.width / config.grid - x});
  }
  return boxes;
}

Frames apply_mask(const MaskConfig& config, const Frames& frames, Random& random) {
  const Colour colour = fill_colour(config.fill, frames);
  std::vector<Box> boxes;
  if (config.shape == "tube") boxes = {draw_box(config, frames, random)};
  if (config.shape == "patches") boxes = draw_patches(config, frames, random);
  Frames out = frames;
  for (int64_t i = 0; i < out.count; ++i) {
    if (config.shape == "frame") boxes = {draw_box(config, frames, random)};
    for (const Box& box : boxes) paint(out, i, box, colour);
  }
  return out;
}

}  // namespace

Perturbation mask_row() { return perturbation_row<MaskConfig>("cover a part of the picture with one colour", apply_mask); }

}  // namespace rrpo::video
