// What is known of a video's frames before they are decoded, against the frames.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "golden.h"
#include "maker.h"
#include "rrpo/util/error.h"
#include "rrpo/video/reader.h"
#include "rrpo/video/writer.h"

namespace rrpo::video {
namespace {

using rrpo::test::source_file;
using rrpo::test::TempDir;
using testing::DoubleNear;
using testing::HasSubstr;
using testing::Pointwise;

std::string fault_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}

void expect_outlined(const Frames& said, const Frames& read) {
  EXPECT_EQ(std::tuple(said.count, said.height, said.width, said.total),
            std::tuple(read.count, read.height, read.width, read.total));
  EXPECT_EQ(said.index, read.index);
  EXPECT_THAT(said.time_s, Pointwise(DoubleNear(1e-9), read.time_s));
  EXPECT_EQ(std::pair(said.duration_s, said.fps), std::pair(read.duration_s, read.fps));
  EXPECT_TRUE(said.rgb.empty());
}

std::vector<Choice> choices() {
  const Clip part{0.3, 1.05}, rest{0.5, std::numeric_limits<double>::infinity()};
  std::vector<Choice> all;
  for (const auto& clip : std::vector<std::optional<Clip>>{std::nullopt, part, rest}) {
    for (const char* rule : {"authors", "segment_centre", "longvu_segment", "fps", "qwen2_5_vl", "qwen3_vl", "internvl"}) {
      all.push_back({.rule = rule, .fields = {.frames = 3, .sample_fps = 4}, .clip = clip});
    }
  }
  all.push_back({.indices = {4, 0, 4}});
  return all;
}

void expect_outlined(const std::filesystem::path& file) {
  SCOPED_TRACE(file.filename());
  for (const Choice& choice : choices()) {
    SCOPED_TRACE(choice.rule + (choice.clip ? " of a part" : ""));
    Choice verified = choice;
    verified.verify = true;
    expect_outlined(outline(file, choice), read_video(file, choice));
    expect_outlined(outline(file, choice), read_video(file, verified));
  }
}

TEST(Outline, IsWhatIsRead) {
  for (const char* name : {"bframes.mp4", "turned.mp4"}) expect_outlined(source_file(std::string("tests/fixtures/") + name));
  const TempDir dir;
  for (const auto& [name, recipe] : std::vector<std::pair<std::string, test::Recipe>>{
           {"h264.mkv", {.format = "matroska"}},
           {"h264.ts", {.format = "mpegts"}},
           {"uneven.mp4", {.uneven = true}},
           {"late.mp4", {.first = 5}},
           {"mpeg4.avi", {.format = "avi", .codec = "mpeg4", .b_frames = 0}},
           {"vp8.webm", {.format = "webm", .codec = "libvpx", .b_frames = 0, .options = {{"auto-alt-ref", "0"}}}}}) {
    expect_outlined(dir.write(name, test::make_clip(test::moving(20), recipe)));
  }
}

// Where packets tell all frames apart, and nobody asks to verify them.
TEST(Outline, IsCertainWherePacketsTell) {
  const TempDir dir;
  const auto clip = source_file("tests/fixtures/bframes.mp4"),
             late = dir.write("late.mp4", test::make_clip(test::moving(20), {.first = 5}));
  const auto other = dir.write("mpeg4.avi", test::make_clip(test::moving(20), {.format = "avi", .codec = "mpeg4"}));
  for (const Choice& choice : choices()) {
    for (const auto& file : {clip, late}) {
      const std::optional<Frames> known = certain_outline(file, choice);
      ASSERT_TRUE(known);
      expect_outlined(*known, read_video(file, choice));
      EXPECT_EQ(known->time_s, read_video(file, choice).time_s);
    }
    EXPECT_FALSE(certain_outline(other, choice));
  }
  EXPECT_FALSE(certain_outline(clip, {.verify = true}));
  EXPECT_EQ(fault_of([&] {
              certain_outline(clip, {.clip = Clip{7, 8}});
            }),
            fault_of([&] {
              read_video(clip, {.clip = Clip{7, 8}});
            }));
}

TEST(Outline, FaultsAreThoseOfReading) {
  const auto file = source_file("tests/fixtures/bframes.mp4");
  for (const Choice& choice : {Choice{.clip = Clip{7, 8}}, Choice{.clip = Clip{2, 1}}, Choice{.indices = {20}},
                               Choice{.rule = "longvu_segment", .clip = Clip{7, 8}}}) {
    EXPECT_EQ(fault_of([&] { outline(file, choice); }), fault_of([&] { read_video(file, choice); }));
  }
  const ReadLimits little{.memory_bytes = 100'000};
  EXPECT_EQ(fault_of([&] { outline(file, {.fields = {.frames = 16}}, little); }),
            fault_of([&] { read_video(file, {.fields = {.frames = 16}}, little); }));
}

TEST(Outline, OfNumberedPicturesOpensOne) {
  const TempDir dir;
  NumberedPictures all{.name = "clip", .files = {}, .fps = 3, .first = 1};
  for (int64_t i = 1; i <= 40; ++i) {
    all.files.push_back(dir / (std::to_string(i) + ".png"));
    write_png(all.files.back(), test::picture(8, 10, i), 0);
  }
  for (const Choice& choice : choices()) {
    expect_outlined(outline_numbered(all, choice), read_numbered(all, choice));
  }
  expect_outlined(outline_pictures(all.files), read_pictures(all.files));
  EXPECT_EQ(read_pictures(all.files).total, 40);
  dir.write("5.png", "no picture");
  EXPECT_EQ(outline_numbered(all, {.indices = {3, 4}}).count, 2);
  EXPECT_THAT(fault_of([&] { outline_numbered(all, {.indices = {4, 3}}); }), HasSubstr("5.png"));
  EXPECT_THAT(fault_of([&] { outline_pictures({}); }), HasSubstr("empty list"));
}

TEST(Outline, TheWholeIsCountedWhateverIsSeen) {
  const auto file = source_file("tests/fixtures/bframes.mp4");
  for (const bool verify : {false, true}) {
    EXPECT_EQ(read_video(file, {.fields = {.frames = 2}, .verify = verify}).total, 20);
    EXPECT_EQ(read_video(file, {.fields = {.frames = 2}, .clip = Clip{0.5, 1}, .verify = verify}).total, 20);
    EXPECT_EQ(read_video(file, {.indices = {3}, .verify = verify}).total, 20);
  }
  EXPECT_EQ(read_all_frames(file, Clip{0.5, 1}).total, 20);
}

}  // namespace
}  // namespace rrpo::video
