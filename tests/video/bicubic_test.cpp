// The kernels of a resize against the plain loop: the same bytes, whatever the sizes and the pixels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>

#include "../../src/video/bicubic/kernel.h"
#include "rrpo/util/error.h"

namespace rrpo::video {
namespace {

using testing::HasSubstr;

/// Rows of random bytes, of black and white alone, or of one colour.
std::vector<uint8_t> pixels(int64_t height, int64_t width, std::mt19937& random) {
  std::vector<uint8_t> bytes(static_cast<size_t>(height * width * 3));
  const auto kind = random() % 3;
  const auto colour = static_cast<uint8_t>(random());
  for (uint8_t& byte : bytes) {
    const auto any = static_cast<uint8_t>(random());
    byte = kind == 0 ? any : kind == 1 ? static_cast<uint8_t>(any % 2 * 255) : colour;
  }
  return bytes;
}

void expect_same(int64_t height, int64_t width, const Axis& columns, const Axis& rows, std::mt19937& random) {
  const std::vector<uint8_t> source = pixels(height, width, random);
  const int64_t across = columns.places(), down = rows.places();
  std::vector<uint8_t> plain(static_cast<size_t>(height * across * 3)), fast(plain.size(), 77);
  plain_resize().across(source.data(), height, width, columns, plain.data());
  avx2_resize().across(source.data(), height, width, columns, fast.data());
  ASSERT_TRUE(plain == fast) << width << " to " << across << ", " << height << " rows";
  std::vector<uint8_t> plain_down(static_cast<size_t>(down * across * 3)), fast_down(plain_down.size(), 77);
  plain_resize().down(plain.data(), across * 3, rows, plain_down.data());
  avx2_resize().down(plain.data(), across * 3, rows, fast_down.data());
  ASSERT_TRUE(plain_down == fast_down) << height << " to " << down << ", rows of " << across;
}

void expect_same(int64_t height, int64_t width, int64_t to_height, int64_t to_width, std::mt19937& random) {
  expect_same(height, width, bicubic_axis(width, to_width, 0, to_width), bicubic_axis(height, to_height, 0, to_height),
              random);
}

TEST(Bicubic, EveryNumberOfTapsGivesTheSameBytes) {
  if (!avx2_resize().runs_here()) GTEST_SKIP() << "no AVX2";
  std::mt19937 random(1);
  for (int64_t in = 1; in < 90; ++in) {
    for (const int64_t out : {1, 2, 3, 7, 10, 11, 16, 33}) expect_same(in, in + 1, out, out, random);
  }
  expect_same(3, 4001, 2, 5, random);
  expect_same(2000, 12, 3, 11, random);
}

TEST(Bicubic, SizesOfVideosGiveTheSameBytes) {
  if (!avx2_resize().runs_here()) GTEST_SKIP() << "no AVX2";
  std::mt19937 random(2);
  for (const auto& [height, width] : {std::pair{480, 640}, {480, 854}, {360, 640}, {97, 1281}, {720, 405}}) {
    expect_same(height, width, 384, 384, random);
    expect_same(height, width, 224, 224, random);
    expect_same(height, width, 7, 501, random);
  }
}

TEST(Bicubic, PartsGiveTheSameBytes) {
  if (!avx2_resize().runs_here()) GTEST_SKIP() << "no AVX2";
  std::mt19937 random(3);
  for (int64_t i = 0; i < 200; ++i) {
    const auto below = [&](int64_t most) { return 1 + static_cast<int64_t>(random()) % most; };
    const auto part = [&](int64_t in) {
      const int64_t out = below(120), begin = below(out) - 1;
      return bicubic_axis(in, out, begin, below(out - begin));
    };
    const int64_t height = below(60), width = below(200);
    expect_same(height, width, part(width), part(height), random);
  }
}

TEST(Bicubic, TwoPartsAreOneWeight) {
  for (const auto& [in, out] : {std::pair{1280, 384}, {384, 1280}, {5, 5}, {1, 9}, {9, 1}, {1920, 31}}) {
    const Axis axis = bicubic_axis(in, out, 0, out);
    ASSERT_EQ(axis.taps % 4, 0);
    for (int64_t place = 0; place < axis.places(); ++place) {
      int64_t sum = 0;
      for (int64_t tap = 0; tap < axis.taps; ++tap) {
        const int16_t* parts = axis.parts_of(place) + tap / 4 * 8 + tap % 4;
        const int32_t weight = axis.weights_of(place)[tap];
        ASSERT_EQ(parts[0] * (1 << kLowBits) + parts[4], weight);
        if (tap >= axis.length[static_cast<size_t>(place)]) ASSERT_EQ(weight, 0);
        sum += weight;
      }
      EXPECT_NEAR(static_cast<double>(sum), 1 << kWeightBits, static_cast<double>(axis.taps));
    }
  }
}

TEST(Bicubic, AKernelIsNamed) {
  EXPECT_EQ(resize_named("plain").name, plain_resize().name);
  if (avx2_resize().runs_here()) EXPECT_EQ(resize_named("avx2").name, avx2_resize().name);
  try {
    resize_named("fast");
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_THAT(error.what(), HasSubstr("RRPO_RESIZE=fast is no way to resize; fix: one of plain, avx2"));
  }
}

}  // namespace
}  // namespace rrpo::video
