// Drawing a scene: flat shapes with a soft edge of one pixel.
#include <algorithm>
#include <cmath>

#include "scenes_world.h"

namespace rrpo::gen {
namespace {

constexpr int64_t kPixels = kSide * kCellPixels;
constexpr float kRadius = 12;
constexpr double kJitter = 2;
constexpr double kNoise = 3;
constexpr int64_t kLastBegins = kClipFrames - kVisibleFrames;
constexpr std::array<std::array<float, 3>, 4> kRgb = {
    {{225, 45, 45}, {45, 190, 65}, {60, 90, 235}, {230, 210, 45}}};  // in the order of kColours

using Point = Look::Offset;

// How much of the pixel at (dx, dy) from the centre is covered, 0 to 1.
float coverage(int64_t shape, float dx, float dy) {
  float inside = 0;  // distance to the edge, positive inside
  if (shape == 0) {
    inside = kRadius + 0.5f - std::sqrt(dx * dx + dy * dy);
  } else if (shape == 1) {
    inside = kRadius - 0.5f - std::max(std::abs(dx), std::abs(dy));
  } else {  // a triangle that points up; its slanted sides have the normal (0.894, 0.447)
    inside = std::min((dy + kRadius) * 0.447f - std::abs(dx) * 0.894f, kRadius - dy);
  }
  return std::clamp(inside + 0.5f, 0.0f, 1.0f);
}

void draw(std::vector<float>& canvas, const Object& object, Point centre) {
  const auto& colour = kRgb[static_cast<size_t>(object.colour)];
  const auto low = [](double at) { return std::max<int64_t>(static_cast<int64_t>(at) - 16, 0); };
  const auto high = [](double at) { return std::min<int64_t>(static_cast<int64_t>(at) + 17, kPixels); };
  for (int64_t y = low(centre.y); y < high(centre.y); ++y) {
    for (int64_t x = low(centre.x); x < high(centre.x); ++x) {
      const float share = coverage(object.shape, static_cast<float>(static_cast<double>(x) + 0.5 - centre.x),
                                   static_cast<float>(static_cast<double>(y) + 0.5 - centre.y));
      float* pixel = canvas.data() + (y * kPixels + x) * 3;
      for (size_t c = 0; c < 3; ++c) pixel[c] = pixel[c] * (1 - share) + colour[c] * share;
    }
  }
}

// Where the centre is in an object's k-th visible frame: it rests two frames, is half way in the third, rests two again.
Point centre_of(const Object& object, int64_t k, Point jitter) {
  const double moved = k < 2 ? 0.0 : k == 2 ? 0.5 : 1.0;
  const auto between = [&](int64_t from, int64_t to) {
    return static_cast<double>(from) + moved * static_cast<double>(to - from);
  };
  return {(between(object.from.column, object.to.column) + 0.5) * kCellPixels + jitter.x,
          (between(object.from.row, object.to.row) + 0.5) * kCellPixels + jitter.y};
}

std::vector<float> background(Random& random) {
  const auto grey = static_cast<double>(20 + random.below(30));
  std::vector<float> canvas;
  for (int64_t i = 0; i < kPixels * kPixels; ++i)
    canvas.insert(canvas.end(), 3, static_cast<float>(grey + kNoise * random.normal()));
  return canvas;
}

}  // namespace

Look draw_look(const Scene& scene, Random& random) {
  Look look{background(random), {}};
  for (size_t i = 0; i < scene.size(); ++i) {
    const double x = random.uniform(-kJitter, kJitter), y = random.uniform(-kJitter, kJitter);
    look.offsets.push_back({x, y});
  }
  return look;
}

video::Frames paint(const Scene& scene, bool moving, const Look& look) {
  video::Frames frames;
  frames.count = moving ? kClipFrames : 1;
  frames.height = frames.width = kPixels;
  for (int64_t t = 0; t < frames.count; ++t) {
    std::vector<float> canvas = look.background;
    for (size_t i = 0; i < scene.size(); ++i) {
      const int64_t k = t - (moving && i == 1 ? kLastBegins : 0);
      if (k >= 0 && k < kVisibleFrames) draw(canvas, scene[i], centre_of(scene[i], k, look.offsets[i]));
    }
    for (const float value : canvas) frames.rgb.push_back(static_cast<uint8_t>(std::clamp(value + 0.5f, 0.0f, 255.0f)));
    frames.index.push_back(t);
    frames.time_s.push_back(static_cast<double>(t) / 8);
  }
  return frames;
}

}  // namespace rrpo::gen
