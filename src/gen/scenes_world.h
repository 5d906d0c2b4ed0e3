// The world itself: what a scene holds, how it is drawn at random, how it looks.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "rrpo/gen/scenes.h"
#include "rrpo/util/random.h"
#include "rrpo/video/frames.h"

namespace rrpo::gen {

inline const std::vector<std::string> kColours = {"red", "green", "blue", "yellow"};
inline const std::vector<std::string> kShapes = {"circle", "square", "triangle"};
inline const std::vector<std::string> kWays = {"left", "right", "up", "down"};
inline const std::vector<std::string> kPlaces = {"northwest", "north",     "northeast", "west",     "center",
                                                 "east",      "southwest", "south",     "southeast"};
inline constexpr int64_t kSide = 3;  ///< cells of a row and of a column
inline constexpr int64_t kCellPixels = 32;
inline constexpr int64_t kClipFrames = 8;
inline constexpr int64_t kVisibleFrames = 5;  ///< the first object shows in frames 0-4, the last in 3-7

/// A cell of the 3 x 3 grid.
struct Cell {
  int64_t column = 0, row = 0;
  bool operator==(const Cell&) const = default;
  const std::string& name() const { return kPlaces[static_cast<size_t>(row * kSide + column)]; }
};

/// Attributes are positions in the lists above.
struct Object {
  int64_t colour = 0, shape = 0;
  int64_t way = -1;  ///< -1: it does not move
  Cell from, to;

  const std::string& colour_name() const { return kColours[static_cast<size_t>(colour)]; }
  const std::string& shape_name() const { return kShapes[static_cast<size_t>(shape)]; }
  const std::string& way_name() const { return kWays[static_cast<size_t>(way)]; }
  std::string name() const { return colour_name() + " " + shape_name(); }
};

/// Objects in order of appearance.
using Scene = std::vector<Object>;

/// What goes with a colour in the biased world.
int64_t usual_shape(int64_t colour);
int64_t usual_way(int64_t colour);
int64_t usual_partner(int64_t colour);
bool is_warm(int64_t colour);

/// Two objects of different colours whose cells are disjoint, each moving by one cell.
Scene draw_clip(const ScenesConfig& config, Random& random);
/// Two to four objects of different colours in different cells.
Scene draw_still(Random& random);

/// What a scene looks like beside what it holds: a dark background with static noise, and how far each object stands off the
/// centre of its cells, in pixels.
struct Look {
  struct Offset {
    double x = 0, y = 0;
  };
  std::vector<float> background;
  std::vector<Offset> offsets;  ///< one for each object
};
Look draw_look(const Scene& scene, Random& random);

/// 96 x 96 frames of a scene: 8 of a clip, 1 of a still.
video::Frames paint(const Scene& scene, bool moving, const Look& look);

}  // namespace rrpo::gen
