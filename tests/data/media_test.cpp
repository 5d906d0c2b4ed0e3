// Files of a row: what is not there, what is no file, and links.
#include "rrpo/data/media.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "rrpo/data/media_check.h"
#include "rrpo/util/error.h"
#include "rrpo/video/reader.h"
#include "rrpo/video/writer.h"
#include "support/temp_dir.h"

namespace rrpo::data {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

rows::Media video(const std::string& name) {
  rows::Media media;
  media.video = name;
  return media;
}

std::string fault_of(const rows::Media& media, const fs::path& root, const policy::VideoConfig& config = {}) {
  try {
    read_media(media, root, config);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input) << error.what();
    return error.what();
  }
  return "";
}

std::string fault_of(const std::string& name, const fs::path& root, const policy::VideoConfig& config = {}) {
  return fault_of(video(name), root, config);
}

rows::Media folder(const std::string& path, const std::string& pattern = "%05d.png", int64_t first = 1) {
  rows::Media media;
  media.folder = rows::PictureFolder{.path = path, .pattern = pattern, .fps = 3, .first = first};
  return media;
}

/// Pictures of one grey each, `first` to `last`.
void write_pictures(const fs::path& folder, int64_t first, int64_t last) {
  fs::create_directories(folder);
  for (int64_t i = first; i <= last; ++i) {
    video::Frames frame;
    frame.count = 1;
    frame.height = frame.width = 8;
    frame.rgb.assign(8 * 8 * 3, static_cast<uint8_t>(i));
    std::string name = std::to_string(i);
    name.insert(0, 5 - name.size(), '0');
    video::write_png(folder / (name + ".png"), frame, 0);
  }
}

TEST(Media, WhatCannotBeOpenedSaysWhy) {
  const test::TempDir dir;
  fs::create_directories(dir / "frames");
  fs::create_symlink(dir / "gone.mp4", dir / "dead.mp4");
  EXPECT_THAT(fault_of("absent.mp4", dir.path()), HasSubstr("absent.mp4: no such file below "));
  EXPECT_THAT(fault_of("frames", dir.path()), HasSubstr("frames: is a folder; fix: name a file, or its pictures in order"));
  EXPECT_THAT(fault_of("dead.mp4", dir.path()), HasSubstr("dead.mp4: is a link to a file that is not there"));
  EXPECT_THAT(fault_of("../a.mp4", dir.path()), HasSubstr("leaves the video root"));
}

TEST(Media, LinksOutOfTheRootAreFollowedOnlyWhereAsked) {
  const test::TempDir dir, elsewhere;
  fs::copy_file(test::source_file("tests/fixtures/turned.mp4"), elsewhere / "clip.mp4");
  fs::create_symlink(elsewhere / "clip.mp4", dir / "link.mp4");
  fs::create_symlink("link.mp4", dir / "inside.mp4");
  EXPECT_THAT(fault_of("link.mp4", dir.path()), HasSubstr("or video.follow_links=true"));
  const policy::VideoConfig following{.frames = 4, .follow_links = true};
  EXPECT_EQ(read_media(video("link.mp4"), dir.path(), following).count, 4);
  EXPECT_EQ(read_media(video("inside.mp4"), dir.path(), following).count, 4);
  EXPECT_THAT(fault_of("../link.mp4", dir.path(), following), HasSubstr("leaves the video root"));
}

TEST(Media, MoreMemoryThanGrantedNamesTheField) {
  const fs::path fixtures = test::source_file("tests/fixtures");
  EXPECT_THAT(fault_of("turned.mp4", fixtures, {.frames = 128, .max_memory_mb = 1}),
              HasSubstr("MiB, more than video.max_memory_mb=1; fix: video.max_memory_mb="));
  EXPECT_EQ(fault_of("turned.mp4", fixtures, {.frames = 16, .max_memory_mb = 1}), "");
}

TEST(Media, AFolderOfNumberedPicturesIsReadLikeAVideo) {
  const test::TempDir dir;
  write_pictures(dir / "shows/clip", 1, 40);
  write_pictures(dir / "shows/clip", 42, 45);  // behind a gap: of another clip, or a copy that was cut
  rows::Media media = folder("shows/clip");
  EXPECT_EQ(media_files(media, dir.path()).size(), 40u);
  EXPECT_THAT(read_media(media, dir.path(), {.frames = 4}).index, ElementsAre(0, 10, 20, 30));
  media.start_s = 3.2;
  media.end_s = 9.9;
  const video::Frames frames = read_media(media, dir.path(), {.frames = 8, .sampling = "segment_centre"});
  EXPECT_THAT(frames.index, ElementsAre(10, 12, 15, 18, 20, 22, 25, 28));
  EXPECT_EQ(frames.rgb.front(), 11);  // picture 00011.png
  EXPECT_EQ(outline_media(media, dir.path(), {.frames = 8, .sampling = "segment_centre"}).index, frames.index);
  EXPECT_EQ(outline_media(media, dir.path(), {.sampling = "fps"}).count, 7);  // of 20 pictures every third
  EXPECT_EQ(most_frames(media, {.sampling = "fps", .max_frames = 5}), 10);
}

TEST(Media, PicturesOfAFolderStayBelowTheRoot) {
  const test::TempDir dir, elsewhere;
  write_pictures(elsewhere / "clip", 1, 3);
  write_pictures(dir / "own", 1, 3);
  fs::create_symlink(elsewhere / "clip", dir / "link");
  fs::create_symlink(elsewhere / "clip" / "00001.png", dir / "own" / "00004.png");
  EXPECT_THAT(fault_of(folder("link"), dir.path()), HasSubstr("is a link that leaves the video root"));
  EXPECT_THAT(fault_of(folder("own"), dir.path()), HasSubstr("own/00004.png: is a link that leaves the video root"));
  EXPECT_EQ(media_files(folder("link"), dir.path(), /*follow_links=*/true).size(), 3u);
  EXPECT_EQ(media_files(folder("own"), dir.path(), /*follow_links=*/true).size(), 4u);
  EXPECT_THAT(fault_of(folder("../own"), dir.path()), HasSubstr("leaves the video root"));
  EXPECT_THAT(fault_of(folder("/own"), dir.path()), HasSubstr("leaves the video root"));
  fs::remove(dir / "own" / "00004.png");
  fs::create_symlink("nothing.png", dir / "own" / "00004.png");
  EXPECT_THAT(fault_of(folder("own"), dir.path()), HasSubstr("is a link to a file that is not there"));
}

TEST(Media, AFolderWithoutItsFirstPictureIsAFault) {
  const test::TempDir dir;
  write_pictures(dir / "clip", 1, 3);
  EXPECT_THAT(fault_of(folder("clip", "%05d.png", 0), dir.path()), HasSubstr("clip: holds no picture 00000.png"));
  EXPECT_THAT(fault_of(folder("clip", "%d.png"), dir.path()), HasSubstr("clip: holds no picture 1.png"));
  EXPECT_THAT(fault_of(folder("clip", "frame_%3d.jpg"), dir.path()), HasSubstr("holds no picture frame_  1.jpg"));
  EXPECT_THAT(fault_of(folder("clip/00001.png"), dir.path()), HasSubstr("is no folder"));
  EXPECT_THAT(fault_of(folder("absent"), dir.path()), HasSubstr("no such file below"));
}

TEST(Media, ListedFramesAreUsedAllAsListed) {
  const test::TempDir dir;
  write_pictures(dir / "clip", 1, 5);
  rows::Media pictures = folder("clip"), clip = video("bframes.mp4");
  pictures.frame_indices = clip.frame_indices = {4, 0, 0, 2};
  const fs::path fixtures = test::source_file("tests/fixtures");
  EXPECT_THAT(read_media(pictures, dir.path(), {.frames = 2}).index, ElementsAre(4, 0, 0, 2));
  EXPECT_THAT(read_media(clip, fixtures, {.frames = 2}).index, ElementsAre(4, 0, 0, 2));
  EXPECT_EQ(outline_media(clip, fixtures, {.frames = 2, .sampling = "fps"}).count, 4);
  EXPECT_EQ(most_frames(clip, {.frames = 2}), 4);
  pictures.frame_indices = {5};
  clip.frame_indices = {20};
  EXPECT_THAT(fault_of(pictures, dir.path()), HasSubstr("clip: frame_indices holds 5, the video has 5 frames"));
  EXPECT_THAT(fault_of(clip, fixtures), HasSubstr("bframes.mp4: frame_indices holds 20, the video has 20 frames"));
}

TEST(Media, APartWithoutAnEndLastsToTheEnd) {
  rows::Media clip = video("bframes.mp4");
  clip.start_s = 2;
  EXPECT_EQ(read_media(clip, test::source_file("tests/fixtures"), {.frames = 4}).index.front(), 16);
}

// Every frame, whichever a run looks at: what lies in another group of pictures is found too.
TEST(Media, TheCheckBeforeARunDecodesAllOfAVideo) {
  const test::TempDir dir;
  video::Frames noise;
  noise.count = 40;
  noise.height = noise.width = 32;
  for (int64_t i = 0; i < 40 * 32 * 32 * 3; ++i) noise.rgb.push_back(static_cast<uint8_t>(i * i / 7 + i / 5));
  const std::string sound = video::encode_clip(noise, 10, 10, 8);
  int unseen = 0;
  for (size_t at = sound.size() / 2; at < sound.size() - 2000; at += 501) {
    std::string broken = sound;
    for (size_t i = 0; i < 8; ++i) broken[at + i] = static_cast<char>(broken[at + i] ^ 0x5a);
    dir.write("a.mp4", broken);
    const bool found = !unreadable_media({{video("a.mp4")}}, dir.path(), {.frames = 1}, 1).empty();
    unseen += found && fault_of("a.mp4", dir.path(), {.frames = 1}).empty() ? 1 : 0;
    EXPECT_EQ(found, !fault_of("a.mp4", dir.path(), {.frames = 1, .verify = true}).empty());
  }
  EXPECT_GT(unseen, 0);
}

}  // namespace
}  // namespace rrpo::data
