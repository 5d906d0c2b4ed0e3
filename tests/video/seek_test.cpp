// Frames read by their groups of pictures alone: the same bytes as from decoding everything, whatever the file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <limits>
#include <random>

#include "../../src/video/packets.h"
#include "golden.h"
#include "maker.h"
#include "rrpo/util/error.h"
#include "rrpo/video/reader.h"

namespace rrpo::video {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Choice listed(std::vector<int64_t> indices) { return {.indices = std::move(indices)}; }

/// Decodes all of it, as a reader without any knowledge of groups does.
Frames whole(const std::string& bytes, Choice choice, const std::filesystem::path& name) {
  choice.verify = true;
  return read_video_bytes(bytes, choice, {}, name);
}

std::string fault_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void expect_same(const Frames& some, const Frames& all) {
  EXPECT_EQ(some.index, all.index);
  EXPECT_EQ(some.time_s, all.time_s);
  EXPECT_EQ(some.duration_s, all.duration_s);
  EXPECT_EQ(std::pair(some.height, some.width), std::pair(all.height, all.width));
  EXPECT_TRUE(some.rgb == all.rgb);
}

/// Every frame alone, then some by rules, in parts and in any order.
void expect_exact(const std::string& bytes, const std::filesystem::path& name) {
  const Frames all = whole(bytes, {.rule = "fps", .fields = {.sample_fps = 1000}}, name);
  for (int64_t i = 0; i < all.count; ++i) {
    const Frames one = read_video_bytes(bytes, listed({i}), {}, name);
    ASSERT_EQ(one.count, 1);
    EXPECT_EQ(one.index, std::vector{i});
    EXPECT_EQ(one.time_s[0], all.time_s[static_cast<size_t>(i)]) << i;
    ASSERT_EQ(0, std::memcmp(one.frame(0), all.frame(i), static_cast<size_t>(all.frame_bytes()))) << "frame " << i;
  }
  std::mt19937 random(7);
  for (int64_t wanted = 2; wanted < 9; ++wanted) {
    std::vector<int64_t> indices;
    for (int64_t i = 0; i < wanted; ++i) indices.push_back(static_cast<int64_t>(random()) % all.count);
    const Frames some = whole(bytes, listed(indices), name);
    for (const int64_t threads : {1, 2, 5}) {
      expect_same(read_video_bytes(bytes, listed(indices), {.threads = threads}, name), some);
    }
  }
  const double end = all.time_s.back();
  for (const char* rule : {"authors", "linspace", "segment_centre", "fps", "longvu_segment"}) {
    for (const auto& clip :
         {std::optional<Clip>(), std::optional(Clip{end * 0.4, end * 0.9}), std::optional(Clip{end * 0.7, 1e9})}) {
      const Choice choice{.rule = rule, .fields = {.frames = 5, .sample_fps = 4}, .clip = clip};
      const std::string fault = fault_of([&] { whole(bytes, choice, name); });
      EXPECT_EQ(fault_of([&] { read_video_bytes(bytes, choice, {}, name); }), fault);
      if (fault.empty()) expect_same(read_video_bytes(bytes, choice, {}, name), whole(bytes, choice, name));
    }
  }
}

struct Case {
  std::string name;
  test::Recipe recipe;
  bool by_groups = true;  ///< its packets tell their frames
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"closed", {.options = {{"flags", "+cgop"}}}},
      {"no B-frames", {.b_frames = 0}},
      {"open", {.b_frames = 3, .options = {{"x264-params", "open-gop=1:b-adapt=0"}}}},
      {"open in Matroska", {.format = "matroska", .b_frames = 3, .options = {{"x264-params", "open-gop=1:b-adapt=0"}}}},
      {"open in a stream", {.format = "mpegts", .b_frames = 3, .options = {{"x264-params", "open-gop=1:b-adapt=0"}}}},
      {"pyramid", {.gop = 15, .b_frames = 5, .options = {{"x264-params", "b-pyramid=normal:ref=4:b-adapt=0:scenecut=0"}}}},
      {"intra refresh", {.options = {{"x264-params", "intra-refresh=1"}}}},
      {"stream", {.format = "mpegts"}},
      {"Matroska", {.format = "matroska"}},
      {"Flash", {.format = "flv"}},
      {"uneven", {.uneven = true}},
      {"uneven in Matroska", {.format = "matroska", .uneven = true}},
      {"late", {.first = 100}},
      {"late stream", {.format = "mpegts", .first = 100}},
      {"cut by an edit list", {.first = -7}},
      {"baseline", {.b_frames = 0, .options = {{"profile", "baseline"}}}},
      {"many colours", {.pixels = "yuv444p"}},
      {"fields", {.options = {{"flags", "+ildct+ilme"}, {"x264-params", "interlaced=1"}}}, false},
      {"AVI", {.format = "avi"}, false},
      {"HEVC", {.codec = "libx265", .options = {{"x265-params", "log-level=none:open-gop=0:pools=none"}}}},
      {"open HEVC", {.codec = "libx265", .options = {{"x265-params", "log-level=none:open-gop=1:pools=none"}}}},
      {"HEVC without references to B-frames",
       {.codec = "libx265", .b_frames = 4, .options = {{"x265-params", "log-level=none:b-pyramid=0:pools=none"}}}},
      {"HEVC in layers",
       {.codec = "libx265", .b_frames = 3, .options = {{"x265-params", "log-level=none:temporal-layers=1:pools=none"}}}},
      {"HEVC stream", {.format = "mpegts", .codec = "libx265", .options = {{"x265-params", "log-level=none:pools=none"}}}},
      {"VP9",
       {.format = "webm",
        .codec = "libvpx-vp9",
        .options = {{"cpu-used", "8"}, {"lag-in-frames", "12"}, {"auto-alt-ref", "1"}}}},
      {"VP9 in MP4",
       {.codec = "libvpx-vp9", .options = {{"cpu-used", "8"}, {"deadline", "realtime"}, {"lag-in-frames", "0"}}}},
      {"VP8",
       {.format = "webm", .codec = "libvpx", .options = {{"cpu-used", "8"}, {"auto-alt-ref", "1"}, {"lag-in-frames", "8"}}},
       false},
      {"MPEG-4", {.codec = "mpeg4"}, false},
      {"MPEG-2", {.format = "mpeg", .codec = "mpeg2video", .rate = 25}, false},
  };
  return all;
}

TEST(Seek, EveryFrameAloneEqualsDecodingAll) {
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    std::string clip;
    try {
      clip = test::make_clip(test::moving(50), one.recipe);
    } catch (const std::exception& missing) {
      EXPECT_THAT(missing.what(), HasSubstr("no encoder"));
      continue;
    }
    const Source source(clip, "clip");
    EXPECT_EQ(Packets(source, {}).timeline().has_value(), one.by_groups);
    expect_exact(clip, "clip");
  }
}

TEST(Seek, EveryFrameOfTheFixtures) {
  for (const char* name : {"bframes.mp4", "turned.mp4", "tagged.mp4", "vp8.webm"}) {
    SCOPED_TRACE(name);
    expect_exact(read_file(rrpo::test::source_file("tests/fixtures") / name, "test"), name);
  }
}

TEST(Seek, ListedFramesComeInAnyOrderAndRepeated) {
  const auto file = rrpo::test::source_file("tests/fixtures/bframes.mp4");
  const Frames all = read_all_frames(file);
  const Frames some = read_video(file, listed({19, 3, 3, 0, 19}));
  EXPECT_THAT(some.index, ElementsAre(19, 3, 3, 0, 19));
  for (int64_t i = 0; i < some.count; ++i) {
    const int64_t from = some.index[static_cast<size_t>(i)];
    EXPECT_EQ(0, std::memcmp(some.frame(i), all.frame(from), static_cast<size_t>(all.frame_bytes())));
    EXPECT_EQ(some.time_s[static_cast<size_t>(i)], all.time_s[static_cast<size_t>(from)]);
  }
  for (const bool verify : {false, true}) {
    EXPECT_THAT(fault_of([&] {
                  read_video(file, {.indices = {3, 20}, .verify = verify});
                }),
                HasSubstr("bframes.mp4: frame_indices holds 20, the video has 20 frames; fix: give numbers from 0 to 19"));
    EXPECT_THAT(fault_of([&] { read_video(file, {.indices = {-1}, .verify = verify}); }),
                HasSubstr("frame_indices holds -1"));
  }
}

// MPEG-4 is always decoded as a whole, and counted.
TEST(Seek, ListedFramesOfAVideoWhosePacketsDoNotTell) {
  const std::string clip = test::make_clip(test::moving(20), {.codec = "mpeg4"});
  EXPECT_THAT(read_video_bytes(clip, listed({19, 2})).index, ElementsAre(19, 2));
  EXPECT_THAT(fault_of([&] { read_video_bytes(clip, listed({20})); }), HasSubstr("holds 20, the video has 20 frames"));
}

TEST(Seek, RulesOfTheWholeVideoAreToldThePart) {
  const auto file = rrpo::test::source_file("tests/fixtures/bframes.mp4");  // 20 frames, 8 a second
  const Clip part{0.5, 1.55};
  const auto read = [&](const char* rule) {
    return read_video(file, {.rule = rule, .fields = {.frames = 3, .sample_fps = 4}, .clip = part});
  };
  EXPECT_THAT(read("segment_centre").index, ElementsAre(5, 8, 10));  // of 4 to 12, both counted
  EXPECT_THAT(read("longvu_segment").index, ElementsAre(4, 6, 8, 10));
  EXPECT_THAT(read("authors").index, ElementsAre(4, 7, 10));  // of the 9 frames 4 to 12
  EXPECT_THAT(read("fps").index, ElementsAre(4, 6, 8, 10, 12));
  EXPECT_DOUBLE_EQ(read("segment_centre").time_s[0], 0.125);
  EXPECT_DOUBLE_EQ(read("segment_centre").duration_s, 9.0 / 8);
  EXPECT_EQ(outline(file, {.rule = "fps", .fields = {.sample_fps = 4}, .clip = part}).count, 5);
  EXPECT_EQ(outline(file, {.rule = "fps", .fields = {.sample_fps = 4, .max_frames = 7}}).count, 7);
  EXPECT_EQ(read_video(file, {.clip = Clip{2, std::numeric_limits<double>::infinity()}}).index.back(), 19);
  for (const char* rule : {"authors", "segment_centre", "longvu_segment"}) {
    EXPECT_THAT(fault_of([&] {
                  read_video(file, {.rule = rule, .clip = Clip{7, 8}});
                }),
                HasSubstr("no frame lies in the clip from 7"));
  }
  EXPECT_THAT(fault_of([&] { read_video(file, {.rule = "middle"}); }), HasSubstr("is not a rule"));
}

// The price of not decoding a group: what is wrong in it is not seen, but where all is asked for. What is wrong in a group
// that is read is found, and worded as when everything is decoded.
TEST(Seek, DamageInAGroupThatIsNotReadIsFoundByVerifying) {
  const std::string sound = test::make_clip(test::moving(60), {.gop = 30, .b_frames = 0, .options = {{"crf", "1"}}});
  const Choice late{.indices = {40, 55}}, early{.indices = {29}};
  const Frames expected = read_video_bytes(sound, late);
  int unseen = 0;
  for (size_t at = sound.size() / 4; at < sound.size() / 3; at += 301) {
    std::string broken = sound;
    for (size_t i = 0; i < 8; ++i) broken[at + i] = static_cast<char>(broken[at + i] ^ 0x5a);
    const std::string fault = fault_of([&] { whole(broken, late, "bytes"); });
    if (fault_of([&] { read_video_bytes(broken, late); }).empty()) {
      expect_same(read_video_bytes(broken, late), expected);
      unseen += fault.empty() ? 0 : 1;
    }
    if (fault.find("does not decode") != std::string::npos) {
      for (const int64_t threads : {1, 2})
        EXPECT_EQ(fault_of([&] { read_video_bytes(broken, early, {.threads = threads}); }), fault) << at;
    }
  }
  EXPECT_GT(unseen, 0);
}

TEST(Seek, OnlyTheGroupsOfTheChosenFramesAreFed) {
  const std::string clip = test::make_clip(
      test::moving(96), {.gop = 12, .options = {{"flags", "+cgop"}, {"x264-params", "b-adapt=0:b-pyramid=none"}}});
  const Source source(clip, "clip");
  const Packets packets(source, {});
  const std::optional<Timeline> line = packets.timeline();
  ASSERT_TRUE(line);
  EXPECT_THAT(line->first().packets, ElementsAre(0));
  const auto runs = line->runs({13, 50, 52});
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].packets.front(), 12);
  EXPECT_EQ(runs[1].packets.front(), 48);
  EXPECT_LE(runs[0].packets.size() + runs[1].packets.size(), 8);
  EXPECT_EQ(line->number_of(line->stamp(50)), 50);
  EXPECT_EQ(line->number_of(line->stamp(50) + 1), -1);
}

// What is decoded for the last frame before a key frame: with B-frames to which nothing refers, every other picture or less.
TEST(Seek, PicturesToWhichNothingRefersAreNotDecoded) {
  const std::vector<std::pair<std::string, test::Recipe>> recipes = {
      {"H.264", {.gop = 24, .options = {{"flags", "+cgop"}, {"x264-params", "b-adapt=0:b-pyramid=none:scenecut=0"}}}},
      {"HEVC",
       {.codec = "libx265",
        .gop = 24,
        .options = {{"x265-params", "log-level=none:pools=none:b-adapt=0:b-pyramid=0:scenecut=0:open-gop=0"}}}},
      {"HEVC in layers",
       {.codec = "libx265",
        .gop = 24,
        .options = {
            {"x265-params", "log-level=none:pools=none:b-adapt=0:b-pyramid=0:scenecut=0:open-gop=0:temporal-layers=1"}}}}};
  for (const auto& [name, recipe] : recipes) {
    SCOPED_TRACE(name);
    std::string clip;
    try {
      clip = test::make_clip(test::moving(72), recipe);
    } catch (const std::exception& missing) {
      EXPECT_THAT(missing.what(), HasSubstr("no encoder"));
      continue;
    }
    const Source source(clip, "clip");
    const Packets packets(source, {});
    const std::optional<Timeline> line = packets.timeline();
    ASSERT_TRUE(line);
    const auto runs = line->runs({46});
    ASSERT_EQ(runs.size(), 1u);
    EXPECT_GE(runs[0].packets.front(), 22u);  // the second group alone
    EXPECT_LE(runs[0].packets.size(), 13u);   // of 23 pictures up to this one
  }
}

// Packets that are not kept are read again, and those that are not needed are passed over.
TEST(Seek, LargeVideosAreReadTwiceWithTheSameFrames) {
  const std::string clip =
      test::make_clip(test::moving(400, 16, 16), {.gop = 40, .options = {{"preset", "ultrafast"}, {"crf", "51"}}});
  const Choice choice{.indices = {390, 17, 200, 201}};
  for (const int64_t threads : {1, 2, 9}) {
    expect_same(read_video_bytes(clip, choice, {.memory_bytes = 256 << 10, .threads = threads}),
                whole(clip, choice, "clip"));
  }
}

}  // namespace
}  // namespace rrpo::video
