// What the tests of this layer share: the golden file, the formula of its pictures, its check sums.
#pragma once

#include <cstdint>
#include <cstring>

#include "rrpo/util/json_file.h"
#include "rrpo/video/frames.h"
#include "support/temp_dir.h"

namespace rrpo::video::test {

inline const Json& golden() {
  static const Json json = read_json(rrpo::test::source_file("tests/golden/pixels.json"), "test");
  return json;
}

/// The picture of scripts/oracles/pixels.py: the same integers there and here.
inline Frames picture(int64_t height, int64_t width, int64_t seed) {
  Frames out;
  out.count = 1;
  out.height = height;
  out.width = width;
  out.time_s = {0};
  out.index = {0};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t c = 0; c < 3; ++c) {
        const int64_t value = x * 31 + y * 17 + c * 101 + seed * 7 + (x * x + 3 * y * y + x * y * seed) / 8;
        out.rgb.push_back(static_cast<uint8_t>(value & 255));
      }
    }
  }
  return out;
}

/// CRC-32 as zlib computes it.
inline uint32_t crc32(const void* data, size_t bytes) {
  uint32_t crc = 0xffffffffu;
  const auto* p = static_cast<const uint8_t*>(data);
  for (size_t i = 0; i < bytes; ++i) {
    crc ^= p[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
  }
  return ~crc;
}

}  // namespace rrpo::video::test
