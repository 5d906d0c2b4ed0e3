// Pictures of any size to those that a tower takes.
#include <algorithm>
#include <cmath>
#include <string>

#include "resize.h"
#include "rrpo/util/error.h"
#include "rrpo/video/transform.h"

namespace rrpo::video {
namespace {

/// The nearest multiple of `factor`, of two the even one.
int64_t nearest(double value, int64_t factor) {
  return static_cast<int64_t>(std::nearbyint(value / static_cast<double>(factor))) * factor;
}

/// Pixels, from `least` to `most`, of all `frames` together.
struct Budget {
  int64_t factor, frames, least, most;
};

/// Multiples of the factor near `sides`: `near`, with `pixels` in all, or scaled ones where these leave the budget. In
/// double, as the originals compute them.
Resolution within(const Budget& budget, Resolution sides, Resolution near, int64_t pixels) {
  const auto height = static_cast<double>(sides.height), width = static_cast<double>(sides.width);
  const auto factor = static_cast<double>(budget.factor);
  const auto own = static_cast<double>(budget.frames * sides.height * sides.width);
  if (pixels > budget.most) {
    const double shrink = std::sqrt(own / static_cast<double>(budget.most));
    const auto down = [&](double side) {
      return std::max<int64_t>(1, static_cast<int64_t>(std::floor(side / shrink / factor))) * budget.factor;
    };
    return {down(height), down(width)};
  }
  if (pixels < budget.least) {
    const double grow = std::sqrt(static_cast<double>(budget.least) / own);
    const auto up = [&](double side) { return static_cast<int64_t>(std::ceil(side * grow / factor)) * budget.factor; };
    return {up(height), up(width)};
  }
  return near;
}

[[noreturn]] void refuse(Resolution sides, const std::string& why) {
  const std::string size = std::to_string(sides.width) + "x" + std::to_string(sides.height);
  throw Error(Fault::input, "video", "a picture of " + size + " pixels: " + why, "leave it out, or cut it");
}

/// `sides` are those of `source`, or scaled up from it.
void check_proportions(Resolution sides, Resolution source) {
  constexpr double kMost = 200;
  const auto [least, most] = std::minmax(sides.height, sides.width);
  if (static_cast<double>(most) / static_cast<double>(least) > kMost)
    refuse(source, "one side is more than 200 times the other");
}

/// The square of a picture's longer side is held in memory.
void check_padding(Resolution sides) {
  constexpr int64_t kMost = 12'000;
  if (std::max(sides.height, sides.width) > kMost) refuse(sides, "a square of it has sides of more than 12000");
}

/// The share of `most` that qwen-vl-utils leaves to a frame, as its copy in transformers 5.23 computes it.
int64_t capped(const PixelSpec& spec, int64_t frames) {
  constexpr int64_t kVideoTokens = 128'000, kFrameTokens = 768;
  const int64_t cell = spec.factor * spec.factor;
  const auto floor = static_cast<int64_t>(static_cast<double>(spec.min_pixels) * 1.05);
  if (spec.fit == Fit::budget_clip) {
    return frames * std::max(std::min(kFrameTokens * cell, spec.max_pixels / frames), floor);
  }
  const auto clip = static_cast<int64_t>(static_cast<double>(kVideoTokens * cell) * 0.9);
  return std::max(std::min(spec.max_pixels, clip * spec.multiple / frames), floor);
}

// Qwen2.5-VL. A side below half a factor becomes 0 and is lifted with the area.
Resolution frame_in_budget(const PixelSpec& spec, int64_t frames, Resolution source) {
  check_proportions(source, source);
  const auto height = static_cast<double>(source.height), width = static_cast<double>(source.width);
  const Resolution near{nearest(height, spec.factor), nearest(width, spec.factor)};
  const Budget budget{.factor = spec.factor,
                      .frames = 1,
                      .least = spec.min_pixels,
                      .most = spec.cap ? capped(spec, frames) : spec.max_pixels};
  return within(budget, source, near, near.height * near.width);
}

// Qwen3-VL. What is compared with the budget is the number of frames rounded to pairs, what it is scaled by the true one; a
// single frame is shown as a pair.
Resolution clip_in_budget(const PixelSpec& spec, int64_t frames, Resolution source) {
  const int64_t shown = std::max(frames, spec.multiple);
  Resolution sides = source;
  if (source.height < spec.factor || source.width < spec.factor) {
    const auto factor = static_cast<double>(spec.factor);
    const auto height = static_cast<double>(source.height), width = static_cast<double>(source.width);
    const double scale = std::max(factor / height, factor / width);
    sides = {static_cast<int64_t>(height * scale), static_cast<int64_t>(width * scale)};
  }
  check_proportions(sides, source);
  const Resolution near{nearest(static_cast<double>(sides.height), spec.factor),
                        nearest(static_cast<double>(sides.width), spec.factor)};
  const Budget budget{.factor = spec.factor,
                      .frames = shown,
                      .least = spec.min_pixels,
                      .most = spec.cap ? capped(spec, shown) : spec.max_pixels};
  return within(budget, sides, near, nearest(static_cast<double>(shown), spec.multiple) * near.height * near.width);
}

// torchvision's Resize to one number.
Resolution short_side(Resolution source, int64_t size) {
  const auto longer = [&](int64_t side, int64_t shorter) {
    return static_cast<int64_t>(static_cast<double>(size * side) / static_cast<double>(shorter));
  };
  if (source.width <= source.height) return {longer(source.height, source.width), size};
  return {size, longer(source.width, source.height)};
}

// torchvision's CenterCrop: half a pixel goes to the even side.
Frames middle_square(const Frames& frames, int64_t size) {
  const Resolution whole = short_side({frames.height, frames.width}, size);
  const auto begin = [&](int64_t side) {
    return static_cast<int64_t>(std::nearbyint(static_cast<double>(side - size) / 2));
  };
  return resize_part(frames, whole, begin(whole.height), begin(whole.width), {size, size});
}

/// The byte of a mean, cut off. The original has it in double, where 0.2 * 255 is a whole number.
uint8_t byte_of(float mean) { return static_cast<uint8_t>(std::clamp(static_cast<double>(mean) * 255 + 1e-5, 0.0, 255.0)); }

// One frame at a time: the squares are large. A picture that is one already is only resized.
Frames padded_square(const Frames& frames, const PixelSpec& spec) {
  if (frames.height == frames.width) return resize_bicubic(frames, spec.size, spec.size);
  const std::array<uint8_t, 3> colour = {byte_of(spec.mean[0]), byte_of(spec.mean[1]), byte_of(spec.mean[2])};
  const int64_t side = std::max(frames.height, frames.width);
  const int64_t top = (side - frames.height) / 2, left = (side - frames.width) / 2;
  Frames square;
  square.count = 1;
  square = square.blank(side, side);
  for (auto at = square.rgb.begin(); at != square.rgb.end(); at += 3) std::copy(colour.begin(), colour.end(), at);
  Frames out = frames.blank(spec.size, spec.size);
  for (int64_t i = 0; i < frames.count; ++i) {
    for (int64_t y = 0; y < frames.height; ++y) {
      const uint8_t* row = frames.frame(i) + y * frames.width * 3;
      std::copy_n(row, frames.width * 3, square.frame(0) + ((top + y) * side + left) * 3);
    }
    const Frames small = resize_bicubic(square, spec.size, spec.size);
    std::copy(small.rgb.begin(), small.rgb.end(), out.frame(i));
  }
  return out;
}

/// The last frame again until `count` are there.
Frames extended(Frames frames, int64_t count) {
  if (frames.count >= count || frames.count == 0) return frames;
  frames.rgb.resize(static_cast<size_t>(count * frames.frame_bytes()));
  for (int64_t i = frames.count; i < count; ++i) {
    std::copy_n(frames.frame(frames.count - 1), frames.frame_bytes(), frames.frame(i));
  }
  frames.count = count;
  if (!frames.time_s.empty()) frames.time_s.resize(static_cast<size_t>(count), frames.time_s.back());
  if (!frames.index.empty()) frames.index.resize(static_cast<size_t>(count), frames.index.back());
  return frames;
}

Frames fit_each(const Frames& frames, const PixelSpec& spec) {
  const Resolution size = fitted_size(spec, frames.count, {frames.height, frames.width});
  if (spec.fit == Fit::crop) return middle_square(frames, spec.size);
  if (spec.fit == Fit::pad) return padded_square(frames, spec);
  return resize_bicubic(frames, size.height, size.width);
}

}  // namespace

Resolution fitted_size(const PixelSpec& spec, int64_t frames, Resolution source) {
  expect(frames > 0 && source.height > 0 && source.width > 0, "frames to fit have a size");
  if (spec.fit == Fit::pad) check_padding(source);
  if (spec.fit != Fit::budget_frame && spec.fit != Fit::budget_clip) return {spec.size, spec.size};
  expect(spec.factor > 0 && spec.multiple > 0 && spec.min_pixels > 0 && spec.max_pixels > 0, "a budget of pixels");
  return spec.fit == Fit::budget_clip ? clip_in_budget(spec, frames, source) : frame_in_budget(spec, frames, source);
}

int64_t fitted_count(const PixelSpec& spec, int64_t frames, Resolution source) {
  const auto squares = [&](Resolution whole) { return whole.height / spec.size * (whole.width / spec.size); };
  if (spec.fit == Fit::anyres) return 1 + squares(best_resolution(spec.offered, source));
  if (spec.fit == Fit::tiles) {
    const int64_t count = squares(nearest_grid(spec.size, spec.min_tiles, spec.max_tiles, source));
    return count + (spec.thumbnail && count > 1 ? 1 : 0);
  }
  return (frames + spec.multiple - 1) / spec.multiple * spec.multiple;
}

Frames fit(const Frames& frames, const PixelSpec& spec) {
  const Resolution own{frames.height, frames.width};
  if (spec.fit == Fit::anyres) return cut_tiles(frames, spec.offered, spec.size);
  if (spec.fit == Fit::tiles) {
    return cut_grid(frames, nearest_grid(spec.size, spec.min_tiles, spec.max_tiles, own), spec.size, spec.thumbnail);
  }
  return extended(fit_each(frames, spec), fitted_count(spec, frames.count, own));
}

}  // namespace rrpo::video
