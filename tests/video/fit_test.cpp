// Pictures of any size before they are pixels, by the golden sizes and check sums of scripts/oracles/fits.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "golden.h"
#include "rrpo/util/error.h"
#include "rrpo/video/transform.h"
#include "support/parity.h"

namespace rrpo::video {
namespace {

using testing::Each;
using testing::ElementsAre;

const Json& fits() {
  static const Json json = read_json(rrpo::test::source_file("tests/golden/fits.json"), "test");
  return json;
}

uint32_t sum_of(const Frames& frames) { return test::crc32(frames.rgb.data(), frames.rgb.size()); }

/// `count` pictures one after another, at frames 10, 20, … of 100 at ten a second.
Frames clip(int64_t count, int64_t height, int64_t width) {
  Frames frames = test::picture(height, width, 0).blank(height, width);
  frames.rgb.clear();
  frames.time_s.clear();
  frames.index.clear();
  frames.count = count;
  for (int64_t i = 0; i < count; ++i) {
    const Frames one = test::picture(height, width, i);
    frames.rgb.insert(frames.rgb.end(), one.rgb.begin(), one.rgb.end());
    frames.index.push_back(10 * (i + 1));
    frames.time_s.push_back(static_cast<double>(i + 1));
  }
  frames.duration_s = frames.fps = 10;
  frames.total = 100;
  return frames;
}

TEST(Fit, BudgetsAreThoseOfTransformers) {
  for (const Json& row : fits().at("budgets")) {
    SCOPED_TRACE(row.dump());
    const bool qwen3 = row[0] == "qwen3_vl";
    const PixelSpec spec{.fit = qwen3 ? Fit::budget_clip : Fit::budget_frame,
                         .factor = row[2],
                         .min_pixels = row[6],
                         .max_pixels = row[7],
                         .cap = row[1],
                         .multiple = 2};
    Json size;
    try {
      const Resolution found = fitted_size(spec, row[3], {row[4], row[5]});
      size = {found.height, found.width};
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input);
      EXPECT_THAT(error.what(), testing::HasSubstr("200 times"));
    }
    const std::string compared = "sizes under a budget of pixels, " + row[0].get<std::string>();
    rrpo::test::expect_same({"frames to a tower", rrpo::test::original(fits(), "transformers"), compared}, size == row[8],
                            size.dump());
  }
}

// Figures of the specification.
TEST(Fit, PublishedBudgets) {
  const auto size = [](const PixelSpec& spec, int64_t frames, Resolution source) {
    const Resolution found = fitted_size(spec, frames, source);
    return std::pair(found.height, found.width);
  };
  const PixelSpec frame{
      .fit = Fit::budget_frame, .factor = 28, .min_pixels = 128 * 784, .max_pixels = 768 * 784, .multiple = 2};
  EXPECT_EQ(size(frame, 16, {1080, 1920}), std::pair(int64_t{560}, int64_t{1008}));
  EXPECT_EQ(size(frame, 16, {37, 640}), std::pair(int64_t{84}, int64_t{1344}));
  const PixelSpec clip{.fit = Fit::budget_clip, .factor = 32, .min_pixels = 4096, .max_pixels = 25165824, .multiple = 2};
  EXPECT_EQ(size(clip, 16, {1080, 1920}), std::pair(int64_t{928}, int64_t{1664}));
  EXPECT_EQ(size(clip, 1, {480, 640}), size(clip, 2, {480, 640}));  // a single frame is shown twice
}

TEST(Fit, BudgetsRepeatTheLastFrameAfterTheResize) {
  const Frames three = clip(3, 40, 60);
  const PixelSpec spec{.fit = Fit::budget_frame, .factor = 8, .min_pixels = 64, .max_pixels = 1024, .multiple = 2};
  const Frames fitted = fit(three, spec);
  EXPECT_EQ(std::tuple(fitted.count, fitted.height, fitted.width), std::tuple(4, 24, 32));
  EXPECT_THAT(fitted.index, ElementsAre(10, 20, 30, 30));
  EXPECT_THAT(fitted.time_s, ElementsAre(1, 2, 3, 3));
  EXPECT_EQ(std::tuple(fitted.fps, fitted.duration_s, fitted.total), std::tuple(10.0, 10.0, 100));
  const Frames resized = resize_bicubic(three, 24, 32);
  EXPECT_EQ(0, std::memcmp(fitted.rgb.data(), resized.rgb.data(), resized.rgb.size()));
  EXPECT_EQ(0, std::memcmp(fitted.frame(3), resized.frame(2), static_cast<size_t>(resized.frame_bytes())));
  const Pixels pixels = to_pixels(three, spec);
  EXPECT_EQ(std::tuple(pixels.count, pixels.height, pixels.width), std::tuple(4, 24, 32));
  EXPECT_EQ(pixels.values, to_pixels(fitted, spec).values);
}

TEST(Fit, CropsAreThoseOfTorchvision) {
  for (const Json& row : fits().at("crops")) {
    SCOPED_TRACE(row.dump());
    const Frames fitted =
        fit(test::picture(row.at("height"), row.at("width"), row.at("seed")), {.fit = Fit::crop, .size = row.at("side")});
    rrpo::test::expect_same({"frames to a tower", rrpo::test::original(fits(), "torchvision"), "middle squares"},
                            sum_of(fitted) == row.at("crc32").get<uint32_t>());
  }
}

TEST(Fit, PaddedSquaresAreThoseOfLongVu) {
  for (const Json& row : fits().at("pads")) {
    SCOPED_TRACE(row.dump());
    PixelSpec spec{.fit = Fit::pad, .size = row.at("side")};
    for (size_t c = 0; c < 3; ++c) spec.mean[c] = static_cast<float>(row.at("mean")[c].get<double>());
    const Frames fitted = fit(test::picture(row.at("height"), row.at("width"), row.at("seed")), spec);
    rrpo::test::expect_same({"frames to a tower", rrpo::test::original(fits(), "Pillow"), "padded squares"},
                            sum_of(fitted) == row.at("crc32").get<uint32_t>());
  }
}

TEST(Fit, TilesAreThoseOfTransformers) {
  for (const Json& row : fits().at("tiles")) {
    SCOPED_TRACE(row.dump());
    const PixelSpec spec{.fit = Fit::tiles,
                         .size = row.at("side"),
                         .min_tiles = row.at("least"),
                         .max_tiles = row.at("most"),
                         .thumbnail = row.at("thumbnail")};
    const Frames picture = test::picture(row.at("height"), row.at("width"), row.at("seed"));
    const Frames tiles = fit(picture, spec);
    EXPECT_EQ(tiles.count, row.at("count").get<int64_t>());
    EXPECT_EQ(tiles.count, fitted_count(spec, 1, {picture.height, picture.width}));
    EXPECT_EQ(static_cast<int64_t>(tiles.index.size()), tiles.count);
    EXPECT_EQ(to_pixels(picture, spec).count, tiles.count);
    rrpo::test::expect_same({"a still in tiles", rrpo::test::original(fits(), "transformers"), "tiles of InternVL"},
                            sum_of(tiles) == row.at("crc32").get<uint32_t>());
  }
}

TEST(Fit, GridsAreThoseOfTransformers) {
  for (const Json& row : fits().at("grids")) {
    const int64_t side = row[0];
    const Resolution grid = nearest_grid(side, row[1], row[2], {row[3], row[4]});
    rrpo::test::expect_same({"a still in tiles", rrpo::test::original(fits(), "transformers"), "grids of InternVL"},
                            Json({grid.width / side, grid.height / side}) == Json({row[5], row[6]}), row.dump());
  }
}

TEST(Fit, AnyresIsWhatCutTilesMakes) {
  const PixelSpec spec{.fit = Fit::anyres, .size = 20, .offered = {{20, 20}, {20, 40}, {40, 20}, {40, 40}}};
  const Frames picture = test::picture(30, 50, 3);
  const Frames tiles = fit(picture, spec);
  EXPECT_EQ(tiles.rgb, cut_tiles(picture, spec.offered, 20).rgb);
  EXPECT_EQ(tiles.count, fitted_count(spec, 1, {30, 50}));
  EXPECT_EQ(fitted_size(spec, 1, {30, 50}), (Resolution{20, 20}));
}

// What a fit says of itself is what comes out, and all that is known of the frames stays.
TEST(Fit, EveryFitKeepsItsWord) {
  const PixelSpec as_it_is{.fit = Fit::budget_frame, .factor = 8, .min_pixels = 1, .max_pixels = 1 << 20};
  for (const Fit kind : {Fit::squash, Fit::crop, Fit::pad, Fit::budget_frame, Fit::budget_clip}) {
    for (const Resolution size : {Resolution{40, 60}, {60, 40}, {24, 24}, {7, 50}, {24, 40}}) {
      for (const int64_t count : {1, 2, 3, 5}) {
        const PixelSpec spec{.fit = kind, .size = 24, .factor = 8, .min_pixels = 256, .max_pixels = 2048, .multiple = 2};
        const Frames fitted = fit(clip(count, size.height, size.width), spec);
        EXPECT_EQ((Resolution{fitted.height, fitted.width}), fitted_size(spec, count, size));
        EXPECT_EQ(fitted.count, fitted_count(spec, count, size));
        EXPECT_EQ(fitted.rgb.size(), static_cast<size_t>(fitted.count * fitted.frame_bytes()));
        EXPECT_EQ(fitted.index.size(), static_cast<size_t>(fitted.count));
        EXPECT_EQ(std::tuple(fitted.fps, fitted.duration_s, fitted.total), std::tuple(10.0, 10.0, 100));
        EXPECT_EQ(to_pixels(clip(count, size.height, size.width), spec).values, to_pixels(fitted, as_it_is).values);
      }
    }
  }
}

// A line of pixels: no picture of its shorter side's size is made, nor the square of its longer one.
TEST(Fit, APictureWithoutProportionsIsCutOrRefused) {
  const Frames line = clip(1, 2, 20'000);
  const Frames middle = fit(line, {.fit = Fit::crop, .size = 224});
  EXPECT_EQ(std::tuple(middle.count, middle.height, middle.width), std::tuple(1, 224, 224));
  for (const Fit kind : {Fit::pad, Fit::budget_frame, Fit::budget_clip}) {
    const PixelSpec spec{.fit = kind, .factor = 28, .min_pixels = 784, .max_pixels = 78400};
    for (const auto& call : std::vector<std::function<void()>>{[&] { fit(line, spec); },
                                                               [&] {
                                                                 fitted_size(spec, 1, {2, 20'000});
                                                               },
                                                               [&] { to_pixels(line, spec); }}) {
      try {
        call();
        ADD_FAILURE() << "no error";
      } catch (const Error& error) {
        EXPECT_EQ(error.fault(), Fault::input);
        EXPECT_THAT(error.what(), testing::HasSubstr("a picture of 20000x2 pixels"));
      }
    }
  }
}

TEST(Fit, ASquareOfOneColourStaysOne) {
  Frames grey = clip(2, 12, 30);
  grey.rgb.assign(grey.rgb.size(), 127);
  EXPECT_THAT(fit(grey, {.fit = Fit::pad, .size = 9}).rgb, Each(127));
  EXPECT_THAT(fit(grey, {.fit = Fit::crop, .size = 9}).rgb, Each(127));
}

}  // namespace
}  // namespace rrpo::video
