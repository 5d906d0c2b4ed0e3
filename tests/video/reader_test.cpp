#include "rrpo/video/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <functional>

#include "golden.h"
#include "rrpo/util/error.h"
#include "rrpo/video/sampling.h"
#include "rrpo/video/writer.h"
#include "support/parity.h"

namespace rrpo::video {
namespace {

using rrpo::test::source_file;
using rrpo::test::TempDir;
using testing::HasSubstr;

std::string fault_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("; fix: "));
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

std::string bytes_of(const std::filesystem::path& file) { return read_file(file, "test"); }

TEST(Reader, EveryFrameEqualsPyAv) {
  for (const Json& row : test::golden().at("clips")) {
    SCOPED_TRACE(row.at("file").get<std::string>());
    const Frames frames = read_all_frames(source_file(row.at("file")));
    const auto shape = row.at("shape").get<std::vector<int64_t>>();
    ASSERT_EQ((std::vector<int64_t>{frames.count, frames.height, frames.width, 3}), shape);
    rrpo::test::expect_same({"video frames", rrpo::test::original(test::golden(), "PyAV"), "bytes of every frame"},
                            test::crc32(frames.rgb.data(), frames.rgb.size()) == row.at("crc32").get<uint32_t>());
    EXPECT_EQ(frames.time_s, row.at("time_s").get<std::vector<double>>());
  }
}

TEST(Reader, ChosenFramesAreThoseOfTheRule) {
  const auto file = source_file("tests/fixtures/bframes.mp4");
  const Frames all = read_all_frames(file);
  for (const std::string rule : {"authors", "linspace"}) {
    for (const int64_t wanted : {1, 3, 8, 20, 33}) {
      const Frames some = read_video(file, rule, wanted);
      EXPECT_EQ(some.index, sample_indices(rule, all.count, wanted));
      ASSERT_EQ(some.count, wanted);
      for (int64_t i = 0; i < wanted; ++i) {
        const auto at = static_cast<size_t>(some.index[static_cast<size_t>(i)]);
        EXPECT_EQ(0,
                  std::memcmp(some.frame(i), all.frame(static_cast<int64_t>(at)), static_cast<size_t>(all.frame_bytes())));
        EXPECT_EQ(some.time_s[static_cast<size_t>(i)], all.time_s[at]);
      }
    }
  }
}

TEST(Reader, ClipIsHalfOpenInSeconds) {
  const auto file = source_file("tests/fixtures/bframes.mp4");
  const Frames part = read_all_frames(file, Clip{0.5, 1.0});
  EXPECT_EQ(part.index, (std::vector<int64_t>{4, 5, 6, 7}));
  EXPECT_EQ(part.time_s, (std::vector<double>{0, 0.125, 0.25, 0.375}));
  EXPECT_EQ(read_video(file, "authors", 2, Clip{0.5, 1.0}).index, (std::vector<int64_t>{4, 6}));
  EXPECT_DOUBLE_EQ(part.duration_s, 0.5);  // 4 frames at 8 a second
  EXPECT_DOUBLE_EQ(read_video(file, "authors", 2).duration_s, 2.5);
  EXPECT_THAT(fault_of([&] { read_all_frames(file, Clip{7, 8}); }), HasSubstr("no frame lies in the clip"));
  EXPECT_THAT(fault_of([&] { read_all_frames(file, Clip{2, 1}); }), HasSubstr("is empty"));
}

// The display matrix of the track, four numbers of it: a pixel (x, y) is shown at (a x + c y, b x + d y), shifted into view.
std::string with_matrix(std::string clip, int a, int b, int c, int d) {
  const size_t at = clip.find("tkhd") + 44;  // behind version, times, ids, duration, layer, volume
  const int entries[4] = {a, b, c, d};
  const size_t offsets[4] = {0, 4, 12, 16};
  for (int i = 0; i < 4; ++i) {
    const auto fixed = static_cast<uint32_t>(entries[i]) << 16;
    for (int byte = 0; byte < 4; ++byte) {
      clip[at + offsets[i] + static_cast<size_t>(byte)] = static_cast<char>(fixed >> (24 - 8 * byte));
    }
  }
  return clip;
}

TEST(Reader, FramesAreTurnedAndMirroredAsTheFileSays) {
  const TempDir dir;
  const std::string clip = bytes_of(source_file("tests/fixtures/turned.mp4"));
  const Frames plain = read_all_frames(dir.write("plain.mp4", with_matrix(clip, 1, 0, 0, 1)));
  ASSERT_EQ(plain.width, 96);
  for (const auto& [a, b, c, d] : {std::array{-1, 0, 0, -1}, {0, 1, -1, 0}, {0, -1, 1, 0}, {-1, 0, 0, 1}, {0, 1, 1, 0}}) {
    SCOPED_TRACE(testing::Message() << a << " " << b << " " << c << " " << d);
    const Frames shown = read_all_frames(dir.write("shown.mp4", with_matrix(clip, a, b, c, d)));
    ASSERT_EQ(shown.width, a == 0 ? 64 : 96);
    ASSERT_EQ(shown.height, a == 0 ? 96 : 64);
    for (int64_t y = 0; y < 64; ++y) {
      for (int64_t x = 0; x < 96; ++x) {
        const int64_t to_x = a * x + c * y + (a < 0 ? 95 : 0) + (c < 0 ? 63 : 0);
        const int64_t to_y = b * x + d * y + (b < 0 ? 95 : 0) + (d < 0 ? 63 : 0);
        ASSERT_EQ(0, std::memcmp(plain.frame(3) + (y * 96 + x) * 3, shown.frame(3) + (to_y * shown.width + to_x) * 3, 3));
      }
    }
  }
  EXPECT_THAT(fault_of([&] { read_all_frames(dir.write("odd.mp4", with_matrix(clip, 1, 1, -1, 1))); }),
              HasSubstr("not a multiple of 90 degrees"));
}

TEST(Reader, TwoReadsGiveTheSameBytes) {
  const auto file = source_file("tests/fixtures/turned.mp4");
  EXPECT_EQ(read_video(file, "linspace", 5).rgb, read_video(file, "linspace", 5).rgb);
}

TEST(Reader, RefusesWhatIsNotAVideo) {
  const TempDir dir;
  EXPECT_THAT(fault_of([&] { read_all_frames(dir / "absent.mp4"); }), HasSubstr("no such file"));
  EXPECT_THAT(fault_of([&] { read_all_frames(dir.path()); }), HasSubstr("is a folder; fix: list its pictures"));
  EXPECT_THAT(fault_of([&] { read_all_frames(dir.write("empty.mp4", "")); }), HasSubstr("the file is empty"));
  EXPECT_THAT(fault_of([&] { read_all_frames(dir.write("text.mp4", "hello, this is text\n")); }), HasSubstr("text.mp4"));
  EXPECT_THAT(fault_of([&] { read_all_frames(dir.write("zero.mp4", std::string(100000, '\0'))); }), HasSubstr("zero.mp4"));
  const auto pipe = dir / "pipe.mp4";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(fault_of([&] { read_all_frames(pipe); }), HasSubstr("not a regular file"));
}

// Playlists name other files: none of them is opened, whatever its own name says.
TEST(Reader, RefusesPlaylistsAndProtocols) {
  const TempDir dir;
  const std::string clip = source_file("tests/fixtures/bframes.mp4").string();
  for (const std::string& list :
       {"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n" + clip + "\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '" + clip + "'\n",
        std::string("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n")}) {
    EXPECT_THAT(fault_of([&] { read_all_frames(dir.write("list.mp4", list)); }), HasSubstr("not a readable video"));
  }
  for (const std::string& name : {"concat:" + clip + "|" + clip, std::string("http://127.0.0.1:9/x.mp4"), std::string("-"),
                                  std::string("pipe:0"), "subfile,,start,0,end,0,,:" + clip}) {
    EXPECT_THAT(fault_of([&] { read_all_frames(name); }), HasSubstr("no such file"));
  }
}

// MP4 lists its packets and WebM tells its length: a file that ends early is never read as a shorter video.
TEST(Reader, RefusesACutFile) {
  const TempDir dir;
  for (const std::string name : {"bframes.mp4", "turned.mp4", "vp8.webm"}) {
    const std::string whole = bytes_of(source_file("tests/fixtures/" + name));
    for (size_t keep = 64; keep < whole.size(); keep += 211) {
      const auto file = dir.write(name, whole.substr(0, keep));
      fault_of([&] { read_all_frames(file); });
    }
  }
}

// Bytes inside the pictures are wrong: an error, or the very same number of frames; never fewer, and never a crash.
TEST(Reader, DamagedPicturesNeverLoseFrames) {
  const TempDir dir;
  const std::string whole = bytes_of(source_file("tests/fixtures/bframes.mp4"));
  const size_t begin = whole.find("mdat") + 900;
  int errors = 0, tries = 0;
  for (size_t at = begin; at + 40 < whole.size() - 1500; at += 307, ++tries) {
    std::string broken = whole;
    for (size_t i = 0; i < 24; ++i) broken[at + i] = static_cast<char>(broken[at + i] ^ 0x5a);
    const auto file = dir.write("broken.mp4", broken);
    try {
      EXPECT_EQ(read_all_frames(file).count, 20);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input);
      ++errors;
    }
  }
  EXPECT_GT(errors, tries / 2) << tries;
}

TEST(Reader, PicturesComeBackAsTheyWere) {
  const TempDir dir;
  const Frames one = test::picture(30, 41, 3), two = test::picture(30, 41, 4);
  write_png(dir / "one.png", one, 0);
  write_png(dir / "two.png", two, 0);
  const Frames both = read_pictures({dir / "one.png", dir / "two.png"});
  ASSERT_EQ(both.count, 2);
  EXPECT_EQ(both.index, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(std::vector<uint8_t>(both.frame(0), both.frame(1)), one.rgb);
  EXPECT_EQ(std::vector<uint8_t>(both.frame(1), both.frame(2)), two.rgb);
}

TEST(Reader, RefusesBadPictures) {
  const TempDir dir;
  write_png(dir / "a.png", test::picture(30, 41, 3), 0);
  write_png(dir / "b.png", test::picture(30, 40, 3), 0);
  const std::string png = bytes_of(dir / "a.png");
  EXPECT_THAT(fault_of([&] { read_pictures({}); }), HasSubstr("empty list"));
  EXPECT_THAT(fault_of([&] { read_pictures({dir / "c.png"}); }), HasSubstr("no such file"));
  EXPECT_THAT(fault_of([&] {
                read_pictures({dir / "a.png", dir / "b.png"});
              }),
              HasSubstr("40x30 pixels, the first picture has 41x30"));
  EXPECT_THAT(fault_of([&] { read_pictures({dir.write("x.png", "GIF89a")}); }), HasSubstr("a GIF is no still picture"));
  EXPECT_THAT(fault_of([&] { read_pictures({dir.write("cut.png", png.substr(0, png.size() / 2))}); }), HasSubstr("cut.png"));
  std::string bomb = png;
  for (const size_t at : {16u, 20u}) bomb.replace(at, 4, std::string("\x00\x00\xff\xff", 4));
  EXPECT_THAT(fault_of([&] { read_pictures({dir.write("bomb.png", bomb)}); }), HasSubstr("bomb.png"));
}

}  // namespace
}  // namespace rrpo::video
