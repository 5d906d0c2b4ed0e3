// FFmpeg's objects as owned handles, and its errors as ours.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>
#include <libswscale/swscale.h>
}

#include <filesystem>
#include <memory>
#include <string>

#include "rrpo/util/error.h"

namespace rrpo::video {

struct Release {
  void operator()(AVFormatContext* value) const { avformat_close_input(&value); }
  void operator()(AVCodecContext* value) const { avcodec_free_context(&value); }
  void operator()(AVFrame* value) const { av_frame_free(&value); }
  void operator()(AVPacket* value) const { av_packet_free(&value); }
  void operator()(SwsContext* value) const { sws_freeContext(value); }
};
using InputHandle = std::unique_ptr<AVFormatContext, Release>;
using CodecHandle = std::unique_ptr<AVCodecContext, Release>;
using FrameHandle = std::unique_ptr<AVFrame, Release>;
using PacketHandle = std::unique_ptr<AVPacket, Release>;
using ScalerHandle = std::unique_ptr<SwsContext, Release>;

/// No frame may hold more pixels (8192 x 4320): a header is cheap to forge and a frame is not.
inline constexpr int64_t kMaxPixels = 35'389'440;

/// Turns FFmpeg's own messages off; every fault is reported as an Error instead.
void silence_ffmpeg();

/// FFmpeg's words for a negative return value.
std::string ffmpeg_message(int code);

/// Throws Error(input, "video"): `file: problem`, `fix`.
[[noreturn]] void bad_video(const std::filesystem::path& file, const std::string& problem, const std::string& fix);

FrameHandle new_frame();
PacketHandle new_packet();
/// Makes `packet` hold what `of` holds, without a copy of its bytes.
void share_packet(AVPacket& packet, const AVPacket& of);

}  // namespace rrpo::video
