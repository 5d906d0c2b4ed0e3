#include "rrpo/video/writer.h"

#include <gtest/gtest.h>
extern "C" {
#include <libavutil/cpu.h>
}

#include <random>

#include "golden.h"
#include "rrpo/util/error.h"
#include "rrpo/video/reader.h"
#include "rrpo/video/sheet.h"

namespace rrpo::video {
namespace {

using rrpo::test::TempDir;

// `count` flat frames, each of one colour.
Frames flat_frames(int64_t count, int64_t height, int64_t width) {
  Frames frames;
  frames.count = count;
  frames.height = height;
  frames.width = width;
  for (int64_t i = 0; i < count; ++i) {
    frames.time_s.push_back(static_cast<double>(i));
    frames.index.push_back(i);
    for (int64_t p = 0; p < height * width; ++p) {
      for (const int64_t value : {40 + 20 * i, 200 - 10 * i, 90 + i}) frames.rgb.push_back(static_cast<uint8_t>(value));
    }
  }
  return frames;
}

TEST(Writer, ClipKeepsNumberTimesAndColours) {
  const TempDir dir;
  const Frames frames = flat_frames(8, 64, 96);
  write_clip(dir / "a.mp4", frames, 8, 18);
  const Frames back = read_all_frames(dir / "a.mp4");
  ASSERT_EQ(back.count, 8);
  ASSERT_EQ(back.rgb.size(), frames.rgb.size());
  for (size_t i = 0; i < 8; ++i) EXPECT_DOUBLE_EQ(back.time_s[i], static_cast<double>(i) / 8);
  for (size_t i = 0; i < back.rgb.size(); ++i) ASSERT_NEAR(back.rgb[i], frames.rgb[i], 4) << i;
}

TEST(Writer, SameFramesGiveTheSameBytes) {
  const Frames frames = flat_frames(5, 32, 48);
  EXPECT_EQ(encode_clip(frames, 8), encode_clip(frames, 8));
  EXPECT_EQ(encode_png(frames, 2), encode_png(frames, 2));
  EXPECT_NE(encode_png(frames, 2), encode_png(frames, 3));
}

// FFmpeg's half of it: x264 finds the processor by itself, and its approximations matter in one clip of a thousand.
TEST(Writer, AProcessorWithoutVectorsGivesTheSameBytes) {
  Frames frames = flat_frames(3, 64, 96);
  std::mt19937 random(1);
  for (uint8_t& value : frames.rgb) value = static_cast<uint8_t>(random());
  const std::string with_vectors = encode_clip(frames, 8, 0);
  av_force_cpu_flags(0);
  const std::string without = encode_clip(frames, 8, 0);
  av_force_cpu_flags(-1);
  EXPECT_EQ(with_vectors, without);
}

TEST(Writer, RefusesOddSizesAndUnwritablePlaces) {
  const TempDir dir;
  EXPECT_THROW(encode_clip(flat_frames(2, 33, 48), 8), Error);
  try {
    write_png(dir / "no" / "such.png", flat_frames(1, 4, 4), 0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::environment);
  }
}

TEST(Sheet, LaysFramesInReadingOrder) {
  const Frames frames = flat_frames(5, 4, 6);
  const Frames sheet = contact_sheet(frames, 3, 2);
  ASSERT_EQ(sheet.count, 1);
  ASSERT_EQ(sheet.height, 2 * 8 + 2);
  ASSERT_EQ(sheet.width, 3 * 12 + 2 * 2);
  const auto red = [&](int64_t y, int64_t x) {
    return static_cast<int>(sheet.rgb[static_cast<size_t>((y * sheet.width + x) * 3)]);
  };
  EXPECT_EQ(red(0, 0), 40);
  EXPECT_EQ(red(7, 11), 40);
  EXPECT_EQ(red(0, 12), 255);
  EXPECT_EQ(red(3, 14), 60);
  EXPECT_EQ(red(10, 0), 100);
  EXPECT_EQ(red(17, 14 + 11), 120);
  EXPECT_EQ(red(17, sheet.width - 1), 255);
}

}  // namespace
}  // namespace rrpo::video
