// Stills in tiles, by the golden pictures of scripts/oracles/onevision_variants.py and by hand.
#include "rrpo/video/tiles.h"

#include <gtest/gtest.h>

#include "rrpo/video/transform.h"
#include "video/golden.h"

namespace rrpo::video {
namespace {

std::vector<Resolution> squares(int64_t side, int64_t most) {
  std::vector<Resolution> offered;
  for (int64_t rows = 1; rows <= most; ++rows) {
    for (int64_t columns = 1; columns <= most; ++columns) offered.push_back({rows * side, columns * side});
  }
  return offered;
}

TEST(Tiles, AreThoseOfTransformers) {
  const Json golden = read_json(rrpo::test::source_file("tests/golden/onevision_variants/golden.json"), "test");
  const PixelSpec spec{.size = 37, .mean = {0.48f, 0.45f, 0.41f}, .std = {0.27f, 0.26f, 0.28f}};
  for (const Json& picture : golden.at("pictures")) {
    const Frames tiles = cut_tiles(test::picture(picture.at("height"), picture.at("width"), picture.at("seed")),
                                   squares(spec.size, 3), spec.size);
    EXPECT_EQ(tiles.count, picture.at("tiles").get<int64_t>());
    const Pixels pixels = to_pixels(tiles, spec);
    EXPECT_EQ(test::crc32(pixels.values.data(), pixels.values.size() * sizeof(float)), picture.at("crc32").get<uint32_t>())
        << picture.at("height") << " x " << picture.at("width");
  }
}

TEST(Tiles, KeepMostPixelsThenWasteLeastThenComeFirst) {
  const auto best = [](const std::vector<Resolution>& offered, Resolution picture) {
    const Resolution chosen = best_resolution(offered, picture);
    return std::pair(chosen.height, chosen.width);
  };
  EXPECT_EQ(best(squares(10, 3), {10, 10}), std::pair(int64_t{10}, int64_t{10}));
  EXPECT_EQ(best(squares(10, 3), {11, 10}), std::pair(int64_t{20}, int64_t{10}));
  EXPECT_EQ(best(squares(10, 3), {500, 100}), std::pair(int64_t{30}, int64_t{10}));
  EXPECT_EQ(best({{10, 20}, {20, 10}}, {10, 10}), std::pair(int64_t{10}, int64_t{20}));
  EXPECT_EQ(best({{20, 10}, {10, 20}}, {10, 10}), std::pair(int64_t{20}, int64_t{10}));
  EXPECT_EQ(best(squares(10, 1), {1, 100000}), std::pair(int64_t{10}, int64_t{10}));
}

TEST(Tiles, StandInReadingOrderWithBlackEdges) {
  Frames picture;  // 2 x 4, white: fills 10 x 20
  picture.count = 1;
  picture.height = 2;
  picture.width = 4;
  picture.rgb.assign(24, 255);
  const Frames wide = cut_tiles(picture, {{20, 20}}, 10);
  ASSERT_EQ(wide.count, 5);
  const auto row = [&](int64_t tile, int64_t y) { return static_cast<int>(wide.frame(tile)[y * 30]); };
  EXPECT_EQ(row(0, 0), 255);  // the whole picture, squeezed
  for (const int64_t top : {1, 2}) {
    EXPECT_EQ(row(top, 4), 0);
    EXPECT_EQ(row(top, 5), 255);
  }
  for (const int64_t bottom : {3, 4}) {
    EXPECT_EQ(row(bottom, 4), 255);
    EXPECT_EQ(row(bottom, 5), 0);
  }
}

}  // namespace
}  // namespace rrpo::video
