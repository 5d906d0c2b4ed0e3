// Containers as people have them: joined segments, odd display matrices, unknown formats, hostile times.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "golden.h"
#include "maker.h"
#include "rrpo/util/error.h"
#include "rrpo/video/reader.h"

namespace rrpo::video {
namespace {

using rrpo::test::TempDir;
using testing::HasSubstr;

constexpr size_t kTsPacket = 188;

Frames all_of(std::string_view bytes, int64_t count = 24) { return read_video_bytes(bytes, "linspace", count); }

std::string fault_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input) << error.what();
    return error.what();
  }
  return "";
}

std::string transport(const Frames& frames, int64_t first, const std::string& codec = "libx264") {
  return test::make_clip(frames, {.format = "mpegts", .codec = codec, .rate = 25, .first = first});
}

/// Frames begin … end-1.
Frames part(const Frames& frames, int64_t begin, int64_t end) {
  Frames out;
  out.count = end - begin;
  out.height = frames.height;
  out.width = frames.width;
  out.rgb.assign(frames.frame(begin), frames.frame(end));
  return out;
}

TEST(Containers, BytesReadAsTheirFile) {
  const TempDir dir;
  const std::string clip = test::make_clip(test::moving(24));
  const Frames file = read_video(dir.write("a.mp4", clip), "linspace", 24), bytes = all_of(clip);
  EXPECT_EQ(file.rgb, bytes.rgb);
  EXPECT_EQ(file.time_s, bytes.time_s);
  EXPECT_EQ(file.index, bytes.index);
}

// Segments that were written one behind the other: the counter of packets begins anew, and the times go on or begin anew
// too.
TEST(Containers, JoinedTransportStreamsAreRead) {
  const Frames frames = test::moving(24);
  const Frames halves[] = {part(frames, 0, 12), part(frames, 12, 24)};
  for (const std::string codec : {"libx264", "mpeg2video"}) {
    for (const int64_t begin : {12, 0}) {
      SCOPED_TRACE(codec + " from " + std::to_string(begin));
      // Each is encoded once: x264 does not always write the same.
      const std::string parts[] = {transport(halves[0], 0, codec), transport(halves[1], begin, codec)};
      const Frames first = all_of(parts[0], 12), second = all_of(parts[1], 12);
      const Frames joined = all_of(parts[0] + parts[1]);
      ASSERT_EQ(joined.index.back(), 23);
      for (int64_t i = 0; i < 12; ++i) {
        EXPECT_EQ(0, std::memcmp(joined.frame(i), first.frame(i), static_cast<size_t>(joined.frame_bytes())));
        EXPECT_EQ(0, std::memcmp(joined.frame(12 + i), second.frame(i), static_cast<size_t>(joined.frame_bytes())));
      }
      for (size_t i = 0; i < 24; ++i)
        EXPECT_NEAR(joined.time_s[i], static_cast<double>(i) / 25, 0.0401);  // an encoder may begin late
    }
  }
}

// A packet that was lost on the way stays a fault, wherever it is missing: never fewer frames without a word.
TEST(Containers, ALostPacketOfATransportStreamIsNoJoin) {
  const std::string whole = transport(test::moving(24), 0);
  ASSERT_EQ(all_of(whole).index.back(), 23);
  int refused = 0, packets = 0;
  // From the second group on: frames before the first that can be decoded are no fault, and the last one ends with the file.
  const size_t middle = transport(part(test::moving(24), 0, 12), 0).size();
  for (size_t at = middle / kTsPacket * kTsPacket - 4 * kTsPacket; at + 3 * kTsPacket < whole.size(); at += kTsPacket) {
    std::string lossy = whole;
    lossy.erase(at, kTsPacket);
    const std::string fault = fault_of([&] { EXPECT_EQ(all_of(lossy).index.back(), 23) << at / kTsPacket; });
    refused += fault.empty() ? 0 : 1;
    ++packets;
  }
  EXPECT_GT(packets, 15);
  EXPECT_GT(refused, packets / 3);
}

TEST(Containers, AGapBeforeAKeyFrameIsNoJoin) {
  const Frames frames = test::moving(24);
  const std::string later = transport(part(frames, 12, 24), 16);
  EXPECT_THAT(fault_of([&] { all_of(transport(part(frames, 0, 12), 0) + later); }), HasSubstr("damaged or cut"));
}

/// `clip` with the display matrix a b c d of its track, in units of 1/65536.
std::string with_matrix(std::string clip, const std::array<int, 4>& entries) {
  const size_t at = clip.find("tkhd") + 44, offsets[4] = {0, 4, 12, 16};
  for (size_t i = 0; i < 4; ++i) {
    for (size_t byte = 0; byte < 4; ++byte)
      clip[at + offsets[i] + byte] = static_cast<char>(static_cast<uint32_t>(entries[i]) >> (24 - 8 * byte));
  }
  return clip;
}

TEST(Containers, AMatrixWithoutATurnIsNone) {
  constexpr int kOne = 1 << 16;
  const std::string clip = test::make_clip(test::moving(4));
  const std::vector<uint8_t> plain = all_of(clip).rgb;
  const std::array<int, 4> upright[] = {
      {0, 0, 0, 0}, {kOne / 2, 0, 0, kOne / 2}, {3 * kOne, 0, 0, kOne}, {kOne / 8, 0, 0, kOne / 4}, {kOne, 300, -300, kOne}};
  for (const auto& matrix : upright) EXPECT_EQ(all_of(with_matrix(clip, matrix)).rgb, plain);
  EXPECT_EQ(all_of(with_matrix(clip, {0, kOne / 4, -kOne / 4, 0})).rgb, all_of(with_matrix(clip, {0, kOne, -kOne, 0})).rgb);
  EXPECT_NE(all_of(with_matrix(clip, {0, kOne, -kOne, 0})).rgb, plain);
  const std::array<int, 4> odd[] = {
      {kOne, kOne, -kOne, kOne}, {61584, 22415, -22415, 61584}, {0, kOne, 0, 0}};  // 45, 20 degrees, none
  for (const auto& matrix : odd)
    EXPECT_THAT(fault_of([&] { all_of(with_matrix(clip, matrix)); }), HasSubstr("not a multiple of 90 degrees"));
}

TEST(Containers, FormatsThatAreNotReadAreNamed) {
  const Frames frames = test::moving(6);
  for (const auto& [format, codec, named] :
       {std::array{"asf", "wmv2", "asf"}, {"nut", "mpeg4", "nut"}, {"rawvideo", "libx264", "h264"}, {"swf", "flv", "swf"}}) {
    const std::string fault = fault_of([&, f = format, c = codec] {
      read_video_bytes(test::make_clip(frames, {.format = f, .codec = c, .b_frames = 0}), "linspace", 2);
    });
    EXPECT_THAT(fault, HasSubstr(std::string(named) + " files are not read; fix: give an mp4, mov, mkv"));
  }
  EXPECT_THAT(fault_of([&] { all_of("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\na.ts\n#EXT-X-ENDLIST\n"); }),
              HasSubstr("hls files are not read"));
  EXPECT_THAT(fault_of([&] { all_of(std::string(5000, 'x')); }), HasSubstr("its format is not known"));
}

/// `bytes` with the big-endian number of `count` bytes at `at` replaced.
std::string with_number(std::string bytes, size_t at, uint64_t value, size_t count) {
  for (size_t i = 0; i < count; ++i) bytes[at + i] = static_cast<char>(value >> (8 * (count - 1 - i)));
  return bytes;
}

// Times at the ends of what 64 bits hold: read or refused, never a number that wrapped (the sanitizers look).
TEST(Containers, HostileTimesWrapNowhere) {
  const std::string mp4 = test::make_clip(test::moving(12)), mkv = test::make_clip(test::moving(12), {.format = "matroska"});
  const std::string ts = transport(test::moving(12), 0);
  int tries = 0;
  const auto attempt = [&](const std::string& bytes) {
    for (const auto& clip : {std::optional<Clip>(), std::optional<Clip>(Clip{0.1, 1e300})}) {
      ++tries;
      fault_of([&] { read_video_bytes(bytes, "authors", 4, clip); });
    }
  };
  for (const char* box : {"mdhd", "stts", "ctts", "elst", "mvhd", "tkhd", "stsz", "stco"}) {
    const size_t at = mp4.find(box);
    if (at == std::string::npos) continue;
    for (size_t field = 4; field < 32 && at + field + 8 < mp4.size(); field += 4) {
      for (const uint64_t value : {0x7fffffffull, 0x80000000ull, 0ull}) attempt(with_number(mp4, at + field, value, 4));
    }
  }
  for (size_t at = 200; at + 8 < std::min<size_t>(mkv.size(), 900); at += 17) attempt(with_number(mkv, at, ~0ull >> 1, 8));
  for (size_t at = 0; at + 20 < ts.size(); at += 4 * kTsPacket) attempt(with_number(ts, at + 13, ~0ull, 5));
  EXPECT_GT(tries, 200);
}

}  // namespace
}  // namespace rrpo::video
