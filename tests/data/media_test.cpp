// Files of a row: what is not there, what is no file, and links.
#include "rrpo/data/media.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "rrpo/util/error.h"
#include "support/temp_dir.h"

namespace rrpo::data {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

rows::Media video(const std::string& name) {
  rows::Media media;
  media.video = name;
  return media;
}

std::string fault_of(const std::string& name, const fs::path& root, const policy::VideoConfig& config = {}) {
  try {
    read_media(video(name), root, config);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input) << error.what();
    return error.what();
  }
  return "";
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

}  // namespace
}  // namespace rrpo::data
