// Pictures and containers that end early are refused; whole ones of every common kind are read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "golden.h"
#include "maker.h"
#include "rrpo/util/error.h"
#include "rrpo/video/reader.h"
#include "support/parity.h"

namespace rrpo::video {
namespace {

using rrpo::test::source_file;
using testing::HasSubstr;

/// What reading says, or "" where it is read.
template <class Read>
std::string fault_of(const Read& read) {
  try {
    read();
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input) << error.what();
    EXPECT_THAT(error.what(), HasSubstr("; fix: "));
    return error.what();
  }
}

std::vector<std::filesystem::path> picture_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(source_file("tests/fixtures/pictures"))) {
    if (entry.path().extension() != ".gif") files.push_back(entry.path());
  }
  return files;
}

// Means over each fourth row: grey rows of a picture that was filled up are far from them.
double distance(const Frames& frames, const Json& rows) {
  double most = 0;
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < 3; ++c) {
      double sum = 0;
      for (int64_t x = 0; x < frames.width; ++x)
        sum += frames.rgb[(4 * r * static_cast<size_t>(frames.width) + static_cast<size_t>(x)) * 3 + c];
      most = std::max(most, std::abs(sum / static_cast<double>(frames.width) - rows[r][c].get<double>()));
    }
  }
  return most;
}

TEST(Pictures, EveryKindIsReadAsPillowReadsIt) {
  const Json& golden = test::golden();
  for (const Json& row : golden.at("pictures")) {
    SCOPED_TRACE(row.at("file").get<std::string>());
    const Frames frames = read_pictures({source_file(row.at("file"))});
    ASSERT_EQ((std::vector<int64_t>{frames.height, frames.width, 3}), row.at("shape").get<std::vector<int64_t>>());
    if (row.at("exact").get<bool>()) {
      rrpo::test::expect_same(
          {"still pictures", rrpo::test::original(golden, "Pillow"), "bytes of PNG, BMP and lossless WebP"},
          test::crc32(frames.rgb.data(), frames.rgb.size()) == row.at("crc32").get<uint32_t>());
    } else {
      EXPECT_LT(distance(frames, row.at("rows")), 6);
    }
  }
}

// Every length that a cut download may have, from the first byte to the last but one.
TEST(Pictures, NoCutOfAnyKindIsRead) {
  size_t cuts = 0;
  for (const std::filesystem::path& file : picture_files()) {
    if (file.filename().string().starts_with("trailing")) continue;
    const std::string whole = read_file(file, "test");
    for (size_t keep = 1; keep < whole.size(); keep += keep + 40 < whole.size() ? 7 : 1, ++cuts) {
      const std::string fault = fault_of([&] { read_picture_bytes(std::string_view(whole).substr(0, keep), {}, file); });
      ASSERT_THAT(fault, HasSubstr(file.filename().string())) << keep << " of " << whole.size();
    }
  }
  EXPECT_GT(cuts, 2000u);
}

TEST(Pictures, WhatStandsBehindTheEndIsNotMissed) {
  for (const char* name : {"trailing.jpg", "trailing.png"}) {
    const auto file = source_file(std::string("tests/fixtures/pictures/") + name);
    const std::string whole = read_file(file, "test");
    EXPECT_EQ(fault_of([&] { read_picture_bytes(std::string_view(whole).substr(0, whole.size() - 1)); }), "");
  }
}

// A hole that was never filled: the length is right, the second half is zeros.
TEST(Pictures, AHalfOfZerosIsRefused) {
  for (const std::filesystem::path& file : picture_files()) {
    const std::string kind = file.extension().string();
    if (kind == ".bmp" || file.filename().string().starts_with("trailing")) continue;  // a BMP may hold zeros
    std::string hole = read_file(file, "test");
    std::fill(hole.begin() + static_cast<std::ptrdiff_t>(hole.size() / 2), hole.end(), '\0');
    if (kind == ".webp") continue;  // has no check sum; its length is right
    EXPECT_NE(fault_of([&] { read_picture_bytes(hole); }), "") << file;
  }
}

TEST(Pictures, OneFlippedBitOfAPngIsRefused) {
  const std::string whole = read_file(source_file("tests/fixtures/pictures/palette.png"), "test");
  for (size_t at = 8; at < whole.size(); at += 3) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    EXPECT_NE(fault_of([&] { read_picture_bytes(flipped); }), "") << at;
  }
}

TEST(Pictures, AGifIsAVideo) {
  const auto file = source_file("tests/fixtures/pictures/three.gif");
  EXPECT_EQ(read_all_frames(file).count, 3);
  EXPECT_THAT(fault_of([&] { read_pictures({file}); }), HasSubstr("fix: give it as video"));
  EXPECT_THAT(fault_of([&] { read_picture_bytes("plainly a text"); }), HasSubstr("neither PNG, JPEG, WebP nor BMP"));
}

TEST(Pictures, MoreMemoryThanGrantedNamesTheField) {
  const auto file = source_file("tests/fixtures/pictures/rgb.png");
  const std::vector<std::filesystem::path> many(2000, file);  // 61 x 45 x 3 x 2000 = 16.5 MB
  const std::string fault = fault_of([&] { read_pictures(many, {.memory_bytes = int64_t{8} << 20}); });
  EXPECT_THAT(fault, HasSubstr("2000 pictures of 61x45 take 16 MiB, more than video.max_memory_mb=8"));
  EXPECT_EQ(read_pictures(many, {.memory_bytes = int64_t{16} << 20}).count, 2000);
}

// Containers that state their length, or have an end: no cut is read as a shorter video.
TEST(Endings, NoCutContainerIsRead) {
  const Frames frames = test::moving(12);
  for (const test::Recipe& recipe : {test::Recipe{},
                                     {.format = "matroska"},
                                     {.format = "avi", .codec = "mpeg4"},
                                     {.format = "avi", .codec = "mjpeg", .pixels = "yuvj420p", .b_frames = 0},
                                     {.format = "flv", .codec = "flv", .b_frames = 0},
                                     {.format = "flv"},
                                     {.format = "gif", .codec = "gif", .pixels = "rgb8", .b_frames = 0}}) {
    SCOPED_TRACE(recipe.format + " " + recipe.codec);
    const std::string whole = test::make_clip(frames, recipe);
    const auto read = [&](size_t keep) { return read_video_bytes(std::string_view(whole).substr(0, keep), "linspace", 12); };
    ASSERT_EQ(fault_of([&] { EXPECT_EQ(read(whole.size()).index.back(), 11); }), "");
    // The last bytes of an AVI are its index, and some writers count eight bytes too many: there all frames are.
    const size_t end = recipe.format == "avi" ? whole.size() - 8 : whole.size();
    for (size_t keep = 64; keep < end; keep += 149) EXPECT_NE(fault_of([&] { read(keep); }), "") << keep;
    EXPECT_NE(fault_of([&] { read(end - 1); }), "");
  }
}

}  // namespace
}  // namespace rrpo::video
