// What reading may take: memory, and the time until a stop is heard.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "../../src/video/packets.h"
#include "maker.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"
#include "rrpo/video/reader.h"

namespace rrpo::video {
namespace {

using testing::HasSubstr;

constexpr int64_t kMiB = int64_t{1} << 20;

/// A stop signal that is forgotten at the end of a test.
struct Planted {
  Planted() = default;
  Planted(const Planted&) = delete;
  Planted& operator=(const Planted&) = delete;
  ~Planted() { set_stop_signal(0); }
};

TEST(Limits, FramesBeyondTheMemoryNameLimitAndField) {
  const std::string clip = test::make_clip(test::moving(30, 96, 160));  // 46,080 bytes a frame
  EXPECT_EQ(read_video_bytes(clip, "authors", 16, std::nullopt, {.memory_bytes = kMiB}).count, 16);
  try {
    read_video_bytes(clip, "authors", 64, std::nullopt, {.memory_bytes = kMiB});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    EXPECT_THAT(error.what(), HasSubstr("64 frames of 160x96 and its packets take 3 MiB, more than video.max_memory_mb=1"));
    EXPECT_THAT(error.what(), HasSubstr("fix: video.max_memory_mb=3, or fewer or smaller frames"));
  }
}

// Many packets of a few bytes: what FFmpeg holds beside a payload counts, and beyond the room the file is read twice.
TEST(Limits, SmallPacketsAreNotFree) {
  const std::string clip =
      test::make_clip(test::moving(400, 16, 16), {.gop = 1000, .options = {{"preset", "ultrafast"}, {"crf", "51"}}});
  const Source source(clip, "clip.mp4");
  const Packets kept(source, {}), counted(source, {.memory_bytes = 256 << 10});
  EXPECT_GT(kept.memory(), 400 * 512);
  EXPECT_LT(counted.memory(), 256 << 10);
  const ReadLimits little{.memory_bytes = 256 << 10};
  const Frames twice = read_video_bytes(clip, "authors", 8, std::nullopt, little),
               once = read_video_bytes(clip, "authors", 8);
  EXPECT_EQ(twice.rgb, once.rgb);
  EXPECT_EQ(twice.index, once.index);
  try {
    read_video_bytes(clip, "authors", 8, std::nullopt, {.memory_bytes = 4096});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("its packets take 1 MiB, more than video.max_memory_mb="));
  }
}

// Analysing a file opens a decoder for each of its streams: what the file announces is looked at before.
TEST(Limits, StreamsAndSizesAreCountedBeforeADecoderOpens) {
  const auto fault = [](const std::string& bytes) -> std::string {
    try {
      read_video_bytes(bytes, "authors", 4);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input) << error.what();
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(fault(test::make_tracks(65)), HasSubstr("65 streams, at most 64 are read"));
  EXPECT_THAT(fault(test::make_tracks(1, 20000, 20000)), HasSubstr("frames of 20000x20000 pixels, at most 8192x4320"));
}

TEST(Stop, IsHeardBetweenTwoPacketsOfADecoder) {
  const Planted planted;
  const std::string clip = test::make_clip(test::moving(300));
  const Source source(clip, "clip.mp4");
  Packets packets(source, {});
  int fed = 0;
  const PacketSource all = packets.from_start();
  Decoder decoder(packets.container(), [&](AVPacket& packet) {
    if (++fed == 40) set_stop_signal(SIGTERM);
    return all(packet);
  });
  const FrameHandle frame = new_frame();
  EXPECT_THROW(
      {
        while (decoder.next(*frame)) {
        }
      },
      Stopped);
  EXPECT_LE(fed, 41);
}

TEST(Stop, IsHeardWhilePacketsAreCounted) {
  const Planted planted;
  const std::string clip = test::make_clip(test::moving(300));
  const Source source(clip, "clip.mp4");
  Container container(source);
  const PacketHandle packet = new_packet();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(container.next(*packet));
  set_stop_signal(SIGINT);
  EXPECT_THROW(container.next(*packet), Stopped);
}

// A stop is no fault of a file: whoever counts faults must not see one.
TEST(Stop, IsNoErrorOfAVideo) {
  const Planted planted;
  const std::string clip = test::make_clip(test::moving(12));
  set_stop_signal(SIGTERM);
  EXPECT_THROW(read_video_bytes(clip, "authors", 4), Stopped);
  EXPECT_THROW(read_picture_bytes(clip), Stopped);
}

}  // namespace
}  // namespace rrpo::video
