#include "limits.h"

#include "ffmpeg.h"

namespace rrpo::video {

void check_memory(const std::filesystem::path& file, const std::string& what, int64_t bytes, const ReadLimits& limits) {
  if (bytes <= limits.memory_bytes) return;
  constexpr int64_t kMiB = int64_t{1} << 20;
  const std::string field = "video.max_memory_mb=", needed = std::to_string((bytes + kMiB - 1) / kMiB);
  bad_video(file, what + " take " + needed + " MiB, more than " + field + std::to_string(limits.memory_bytes / kMiB),
            field + needed + ", or fewer or smaller frames");
}

void check_memory(const std::filesystem::path& file, const Frames& frames, int64_t beside, const ReadLimits& limits) {
  const std::string size = std::to_string(frames.width) + "x" + std::to_string(frames.height);
  check_memory(file, std::to_string(frames.count) + " frames of " + size + " and its packets",
               frames.count * frames.frame_bytes() + beside, limits);
}

}  // namespace rrpo::video
