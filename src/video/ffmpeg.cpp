#include "ffmpeg.h"

#include <mutex>

namespace rrpo::video {

void silence_ffmpeg() {
  static std::once_flag once;
  std::call_once(once, [] { av_log_set_level(AV_LOG_QUIET); });
}

std::string ffmpeg_message(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return text;
}

void bad_video(const std::filesystem::path& file, const std::string& problem, const std::string& fix) {
  throw Error(Fault::input, "video", printable(file.string()) + ": " + problem, fix);
}

FrameHandle new_frame() {
  FrameHandle frame(av_frame_alloc());
  if (!frame) throw Error(Fault::environment, "video", "no memory for a frame", "free memory");
  return frame;
}

PacketHandle new_packet() {
  PacketHandle packet(av_packet_alloc());
  if (!packet) throw Error(Fault::environment, "video", "no memory for a packet", "free memory");
  return packet;
}

void share_packet(AVPacket& packet, const AVPacket& of) {
  if (av_packet_ref(&packet, &of) < 0) throw Error(Fault::environment, "video", "no memory for a packet", "free memory");
}

}  // namespace rrpo::video
