#include "rrpo/video/libraries.h"

#include <opencv2/core/utility.hpp>

#include "ffmpeg.h"

namespace rrpo::video {

std::string ffmpeg_version() { return av_version_info(); }

std::string opencv_version() { return cv::getVersionString(); }

std::vector<std::string> missing_decoders() {
  std::vector<std::string> missing;
  for (const char* name : {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4"}) {
    const AVCodecDescriptor* codec = avcodec_descriptor_get_by_name(name);
    if (codec == nullptr || avcodec_find_decoder(codec->id) == nullptr) missing.emplace_back(name);
  }
  return missing;
}

}  // namespace rrpo::video
