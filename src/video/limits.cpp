#include "limits.h"

#include "ffmpeg.h"

namespace rrpo::video {

void check_memory(const std::filesystem::path& file, const std::string& what, int64_t bytes, const ReadLimits& limits) {
  if (bytes <= limits.memory_bytes) return;
  constexpr int64_t kMiB = int64_t{1} << 20;
  bad_video(file,
            what + " take " + std::to_string((bytes + kMiB - 1) / kMiB) + " MiB, more than the " +
                std::to_string(limits.memory_bytes / kMiB) + " for one clip",
            "ask for fewer or smaller frames");
}

}  // namespace rrpo::video
