// Another picture of a TinyWorld in the place of one of its own.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "rrpo/io/atomic.h"
#include "rrpo/util/json_file.h"
#include "rrpo/util/random.h"
#include "rrpo/video/writer.h"

namespace rrpo::test {

/// Replaces `picture` by other noise; noise cannot be packed, so the file has as many bytes as before.
inline void replace_picture(const std::filesystem::path& picture) {
  const auto size = std::filesystem::file_size(picture);
  Random random(2, "other noise");
  video::Frames frame{
      .count = 1, .height = 32, .width = 32, .rgb = std::vector<uint8_t>(32 * 32 * 3), .time_s = {0}, .index = {0}};
  for (uint8_t& byte : frame.rgb) byte = static_cast<uint8_t>(random.below(256));
  io::write_file(picture, video::encode_png(frame, 0));
  ASSERT_EQ(std::filesystem::file_size(picture), size);
}

/// Leaves the first `count` lines of a file.
inline void keep_lines(const std::filesystem::path& file, int64_t count) {
  const std::string text = read_file(file, "test");
  size_t end = 0;
  for (; count > 0; --count) end = text.find('\n', end) + 1;
  io::write_file(file, text.substr(0, end));
}

}  // namespace rrpo::test
