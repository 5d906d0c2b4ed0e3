// A video file, or a picture. The decoders behind it are FFmpeg's; the container, the counts and the clip are ours.
#include "rrpo/video/reader.h"

#include "fuzz.h"

using namespace rrpo;  // NOLINT: a program

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  const video::ReadLimits limits{.memory_bytes = int64_t{256} << 20};
  fuzz::tolerate([&] { video::read_video_bytes(bytes, "linspace", 4, std::nullopt, limits); });
  fuzz::tolerate([&] { video::read_video_bytes(bytes, "authors", 2, video::Clip{0.1, 0.2}, limits); });
  fuzz::tolerate([&] { video::read_video_bytes(bytes, {.rule = "segment_centre", .clip = video::Clip{0.1, 9}}, limits); });
  fuzz::tolerate([&] { video::read_video_bytes(bytes, {.indices = {5, 1, 5}}, limits); });
  fuzz::tolerate([&] { video::read_picture_bytes(bytes, limits); });
  return 0;
}
