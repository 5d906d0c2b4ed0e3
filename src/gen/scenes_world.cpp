#include "scenes_world.h"

#include <algorithm>

namespace rrpo::gen {
namespace {

constexpr int64_t kRed = 0, kGreen = 1, kBlue = 2, kYellow = 3;

// `target` with probability rho (biased), else any other value; uniform over all values in the uniform world.
int64_t draw_attribute(const ScenesConfig& config, int64_t target, const std::vector<int64_t>& values, Random& random) {
  if (config.distribution == "uniform")
    return values[static_cast<size_t>(random.below(static_cast<int64_t>(values.size())))];
  if (random.chance(config.rho)) return target;
  std::vector<int64_t> others;
  for (const int64_t value : values) {
    if (value != target) others.push_back(value);
  }
  return others[static_cast<size_t>(random.below(static_cast<int64_t>(others.size())))];
}

std::array<int64_t, 2> draw_colours(const ScenesConfig& config, Random& random) {
  const int64_t first = random.below(4);
  std::vector<int64_t> others;
  for (int64_t colour = 0; colour < 4; ++colour) {
    if (colour != first) others.push_back(colour);
  }
  const int64_t second = draw_attribute(config, usual_partner(first), others, random);
  if (is_warm(first) == is_warm(second)) return {first, second};
  const int64_t warm = is_warm(first) ? first : second, cold = is_warm(first) ? second : first;
  const bool warm_first = random.chance(config.distribution == "uniform" ? 0.5 : config.rho);
  return warm_first ? std::array<int64_t, 2>{warm, cold} : std::array<int64_t, 2>{cold, warm};
}

// A start from which one step stays on the grid, and its end.
void draw_cells(Object& object, Random& random) {
  const int64_t dx = object.way == 0 ? -1 : object.way == 1 ? 1 : 0;
  const int64_t dy = object.way == 2 ? -1 : object.way == 3 ? 1 : 0;
  object.from.column = (dx < 0 ? 1 : 0) + random.below(kSide - (dx != 0 ? 1 : 0));
  object.from.row = (dy < 0 ? 1 : 0) + random.below(kSide - (dy != 0 ? 1 : 0));
  object.to = {object.from.column + dx, object.from.row + dy};
}

bool disjoint(const Object& a, const Object& b) {
  return a.from != b.from && a.from != b.to && a.to != b.from && a.to != b.to;
}

}  // namespace

int64_t usual_shape(int64_t colour) { return std::array<int64_t, 4>{0, 1, 2, 0}[static_cast<size_t>(colour)]; }
int64_t usual_way(int64_t colour) { return std::array<int64_t, 4>{1, 0, 2, 3}[static_cast<size_t>(colour)]; }
int64_t usual_partner(int64_t colour) {
  return std::array<int64_t, 4>{kBlue, kYellow, kRed, kGreen}[static_cast<size_t>(colour)];
}
bool is_warm(int64_t colour) { return colour == kRed || colour == kYellow; }

Scene draw_clip(const ScenesConfig& config, Random& random) {
  Scene scene;
  for (const int64_t colour : draw_colours(config, random)) {
    Object object;
    object.colour = colour;
    object.shape = draw_attribute(config, usual_shape(colour), {0, 1, 2}, random);
    object.way = draw_attribute(config, usual_way(colour), {0, 1, 2, 3}, random);
    scene.push_back(object);
  }
  do {
    for (Object& object : scene) draw_cells(object, random);
  } while (!disjoint(scene[0], scene[1]));
  return scene;
}

Scene draw_still(Random& random) {
  const auto count = static_cast<size_t>(2 + random.below(3));
  const std::vector<int64_t> colours = random.permutation(4), cells = random.permutation(kSide * kSide);
  Scene scene;
  for (size_t i = 0; i < count; ++i) {
    Object object;
    object.colour = colours[i];
    object.shape = random.below(3);
    object.from = object.to = {cells[i] % kSide, cells[i] / kSide};
    scene.push_back(object);
  }
  return scene;
}

}  // namespace rrpo::gen
