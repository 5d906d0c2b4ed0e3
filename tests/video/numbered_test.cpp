// Folders of numbered pictures that stand for videos.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "golden.h"
#include "rrpo/util/error.h"
#include "rrpo/video/reader.h"
#include "rrpo/video/writer.h"

namespace rrpo::video {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::HasSubstr;

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

/// 40 pictures at three a second, counted from 1, as MVBench has them.
struct Numbered : testing::Test {
  rrpo::test::TempDir dir;
  NumberedPictures all{.name = "clip", .files = {}, .fps = 3, .first = 1};
  Numbered() {
    for (int64_t i = 1; i <= 40; ++i) {
      all.files.push_back(dir / (std::to_string(i) + ".png"));
      write_png(all.files.back(), test::picture(8, 10, i), 0);
    }
  }
};

TEST_F(Numbered, AreChosenByTheirNumbersOrTheirTimes) {
  const Clip part{3.2, 9.9};
  EXPECT_THAT(choose_pictures(all, {.rule = "segment_centre", .fields = {.frames = 8}, .clip = part}),
              ElementsAre(10, 12, 15, 18, 20, 22, 25, 28));  // the numbers 11 to 29, from 0
  EXPECT_THAT(choose_pictures(all, {.rule = "longvu_segment", .clip = Clip{3.2, 5}}), ElementsAre(9, 11, 13));
  EXPECT_THAT(choose_pictures(all, {.fields = {.frames = 4}, .clip = part}), ElementsAre(10, 15, 20, 25));  // of 10 to 29
  EXPECT_THAT(choose_pictures(all, {.rule = "fps", .fields = {.max_frames = 3}}), ElementsAre(0, 12, 27));
  EXPECT_EQ(choose_pictures(all, {.rule = "authors", .fields = {.frames = 80}}).size(), 80);
}

TEST_F(Numbered, AreReadAsTheyAre) {
  const Frames frames = read_numbered(all, {.rule = "segment_centre", .fields = {.frames = 3}, .clip = Clip{3.2, 9.9}});
  EXPECT_THAT(frames.index, ElementsAre(12, 19, 25));
  EXPECT_THAT(frames.time_s, ElementsAre(DoubleEq(12.0 / 3 - 3.2), DoubleEq(19.0 / 3 - 3.2), DoubleEq(25.0 / 3 - 3.2)));
  EXPECT_DOUBLE_EQ(frames.duration_s, 20.0 / 3);
  for (int64_t i = 0; i < 3; ++i) {
    const Frames one = test::picture(8, 10, frames.index[static_cast<size_t>(i)] + 1);
    EXPECT_EQ(0, std::memcmp(frames.frame(i), one.rgb.data(), one.rgb.size()));
  }
}

TEST_F(Numbered, ListedOnesComeInAnyOrderAndRepeated) {
  const Frames frames = read_numbered(all, {.indices = {39, 2, 2, 39}});
  EXPECT_THAT(frames.index, ElementsAre(39, 2, 2, 39));
  EXPECT_EQ(0, std::memcmp(frames.frame(1), frames.frame(2), static_cast<size_t>(frames.frame_bytes())));
  EXPECT_EQ(0, std::memcmp(frames.frame(0), frames.frame(3), static_cast<size_t>(frames.frame_bytes())));
  EXPECT_NE(0, std::memcmp(frames.frame(0), frames.frame(1), static_cast<size_t>(frames.frame_bytes())));
  EXPECT_THAT(fault_of([&] { read_numbered(all, {.indices = {40}}); }),
              HasSubstr("clip: frame_indices holds 40, the video has 40 frames"));
}

TEST_F(Numbered, NoOtherPictureIsOpened) {
  dir.write("5.png", "no picture");
  EXPECT_EQ(read_numbered(all, {.indices = {3, 5}}).count, 2);
  EXPECT_THAT(fault_of([&] { read_numbered(all, {.indices = {4}}); }), HasSubstr("5.png"));
}

TEST_F(Numbered, APartWithoutPicturesIsAFault) {
  for (const char* rule : {"authors", "segment_centre", "longvu_segment"}) {
    EXPECT_THAT(fault_of([&] {
                  read_numbered(all, {.rule = rule, .clip = Clip{20, 22}});
                }),
                HasSubstr("clip: no frame lies in the clip from 20"));
  }
  EXPECT_THAT(fault_of([&] { read_numbered(all, {.clip = Clip{2, 1}}); }), HasSubstr("is empty"));
}

}  // namespace
}  // namespace rrpo::video
