#include "rrpo/video/transform.h"

#include <gtest/gtest.h>

#include "golden.h"
#include "support/parity.h"

namespace rrpo::video {
namespace {

TEST(Transform, ResizeEqualsPillowByteForByte) {
  for (const Json& row : test::golden().at("resize")) {
    SCOPED_TRACE(row.dump());
    const Frames source = test::picture(row.at("height"), row.at("width"), row.at("seed"));
    ASSERT_EQ(test::crc32(source.rgb.data(), source.rgb.size()), row.at("source_crc32").get<uint32_t>());
    const Frames resized = resize_bicubic(source, row.at("to_height"), row.at("to_width"));
    EXPECT_EQ(std::vector<int>(resized.rgb.begin(), resized.rgb.begin() + 12), row.at("first").get<std::vector<int>>());
    rrpo::test::expect_same({"bicubic resize", rrpo::test::original(test::golden(), "Pillow"), "bytes"},
                            test::crc32(resized.rgb.data(), resized.rgb.size()) == row.at("crc32").get<uint32_t>());
  }
}

TEST(Transform, FramesAreResizedEachByItself) {
  Frames two = test::picture(37, 53, 1);
  const Frames second = test::picture(37, 53, 2);
  const Frames first = two;
  two.rgb.insert(two.rgb.end(), second.rgb.begin(), second.rgb.end());
  two.count = 2;
  two.index = {0, 9};
  two.time_s = {0, 0.5};
  const Frames small = resize_bicubic(two, 20, 30);
  std::vector<uint8_t> apart = resize_bicubic(first, 20, 30).rgb;
  const Frames last = resize_bicubic(second, 20, 30);
  apart.insert(apart.end(), last.rgb.begin(), last.rgb.end());
  EXPECT_EQ(small.rgb, apart);
  EXPECT_EQ(small.index, two.index);
  EXPECT_EQ(small.time_s, two.time_s);
}

// A row of all 256 bytes is already of its size in one axis; its pixels are the table itself.
TEST(Transform, PixelsEqualTheSlowImageProcessor) {
  Frames square;
  square.count = 1;
  square.height = square.width = 16;
  square.index = {0};
  square.time_s = {0};
  for (int byte = 0; byte < 256; ++byte) square.rgb.insert(square.rgb.end(), 3, static_cast<uint8_t>(byte));
  for (const Json& row : test::golden().at("normal")) {
    SCOPED_TRACE(row.at("name").get<std::string>());
    PixelSpec spec;
    spec.size = 16;
    spec.rescale = row.at("rescale");
    for (size_t c = 0; c < 3; ++c) {
      spec.mean[c] = static_cast<float>(row.at("mean")[c].get<double>());
      spec.std[c] = static_cast<float>(row.at("std")[c].get<double>());
    }
    const Pixels pixels = to_pixels(square, spec);
    ASSERT_EQ(pixels.values.size(), 3u * 256u);
    for (const auto& [byte, values] : row.at("hex").items()) {
      for (size_t c = 0; c < 3; ++c) {
        EXPECT_EQ(pixels.values[c * 256 + std::stoul(byte)], std::strtof(values[c].get<std::string>().c_str(), nullptr))
            << byte;
      }
    }
    EXPECT_EQ(test::crc32(pixels.values.data(), pixels.values.size() * 4), row.at("crc32").get<uint32_t>());
  }
}

}  // namespace
}  // namespace rrpo::video
