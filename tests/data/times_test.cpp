// Times of frames without their pictures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rrpo/data/media.h"
#include "rrpo/util/error.h"
#include "rrpo/util/json_file.h"
#include "support/temp_dir.h"

namespace rrpo::data {
namespace {

using testing::HasSubstr;

rows::Media clip(const std::string& name) {
  rows::Media media;
  media.video = name;
  return media;
}

// VP8 and verified videos are decoded for them, the others are not.
TEST(Times, AreThoseOfTheFramesAndHoldNoPicture) {
  const auto root = test::source_file("tests/fixtures");
  for (const char* name : {"bframes.mp4", "turned.mp4", "vp8.webm"}) {
    for (const bool verify : {false, true}) {
      rows::Media media = clip(name);
      media.start_s = 0.2;
      const policy::VideoConfig video{.frames = 3, .verify = verify};
      const video::Frames read = read_media(media, root, video), times = read_times(media, root, video);
      EXPECT_EQ(times.time_s, read.time_s) << name;
      EXPECT_EQ(times.index, read.index);
      EXPECT_EQ(std::tuple(times.duration_s, times.fps, times.count), std::tuple(read.duration_s, read.fps, read.count));
      EXPECT_EQ(times.rgb.capacity(), 0u);
    }
  }
}

// A picture that is damaged is none of its business: the reader of the frames finds it.
TEST(Times, ComeWithoutDecoding) {
  const test::TempDir dir;
  std::string broken = read_file(test::source_file("tests/fixtures/bframes.mp4"), "test");
  const size_t begin = broken.find("mdat") + 1200;  // inside the first picture
  for (size_t at = begin; at < begin + 24; ++at) broken[at] = static_cast<char>(broken[at] ^ 0x5a);
  dir.write("broken.mp4", broken);
  const policy::VideoConfig video{.frames = 20};
  EXPECT_THROW(read_media(clip("broken.mp4"), dir.path(), video), Error);
  EXPECT_EQ(read_times(clip("broken.mp4"), dir.path(), video).time_s,
            read_times(clip("bframes.mp4"), test::source_file("tests/fixtures"), video).time_s);
}

}  // namespace
}  // namespace rrpo::data
