#include "decoder.h"

#include "rrpo/util/stop.h"

namespace rrpo::video {
namespace {

// One picture is one packet, and it is whole or it is none: left to themselves these decoders fill up what is missing.
bool holds_pictures(AVCodecID codec) {
  return codec == AV_CODEC_ID_MJPEG || codec == AV_CODEC_ID_PNG || codec == AV_CODEC_ID_GIF || codec == AV_CODEC_ID_BMP ||
         codec == AV_CODEC_ID_WEBP;
}

}  // namespace

CodecHandle open_decoder(const AVCodecParameters& parameters, const std::filesystem::path& file) {
  silence_ffmpeg();
  const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
  if (codec == nullptr) {
    bad_video(file, std::string("no decoder for ") + avcodec_get_name(parameters.codec_id), "re-encode it as H.264");
  }
  CodecHandle context(avcodec_alloc_context3(codec));
  if (!context || avcodec_parameters_to_context(context.get(), &parameters) < 0) {
    bad_video(file, "its decoder cannot be set up", "re-encode it as H.264");
  }
  context->thread_count = 1;
  context->max_pixels = kMaxPixels;
  if (holds_pictures(parameters.codec_id)) context->err_recognition |= AV_EF_EXPLODE | AV_EF_CRCCHECK;
  const int opened = avcodec_open2(context.get(), codec, nullptr);
  if (opened < 0) bad_video(file, "its decoder refuses it: " + ffmpeg_message(opened), "re-encode it as H.264");
  return context;
}

void check_frame(const AVFrame& frame, int64_t number, const std::filesystem::path& file) {
  if ((frame.flags & AV_FRAME_FLAG_CORRUPT) != 0 || frame.decode_error_flags != 0) {
    bad_video(file, "frame " + std::to_string(number) + " is damaged", "copy it again or re-encode it");
  }
  if (static_cast<int64_t>(frame.width) * frame.height > kMaxPixels) {
    bad_video(file, "frame " + std::to_string(number) + " has more than 8192x4320 pixels", "scale it down");
  }
}

Decoder::Decoder(const Container& container, PacketSource source)
    : container_(container),
      source_(std::move(source)),
      codec_(open_decoder(*container.stream().codecpar, container.file())),
      packet_(new_packet()) {
  codec_->pkt_timebase = container_.stream().time_base;
}

void Decoder::restart(PacketSource source) {
  avcodec_flush_buffers(codec_.get());
  source_ = std::move(source);
  flushing_ = false;
}

void Decoder::feed() {
  av_packet_unref(packet_.get());
  const bool more = source_(*packet_);
  flushing_ = !more;
  const int code = avcodec_send_packet(codec_.get(), more ? packet_.get() : nullptr);
  if (code < 0) {
    bad_video(container_.file(),
              "frame " + std::to_string(shown_) + " or one near it does not decode: " + ffmpeg_message(code),
              "copy it again or re-encode it");
  }
}

bool Decoder::next(AVFrame& frame) {
  for (;;) {
    check_stop();
    const int code = avcodec_receive_frame(codec_.get(), &frame);
    if (code == 0) {
      check_frame(frame, shown_++, container_.file());
      return true;
    }
    if (code == AVERROR_EOF) return false;
    if (code != AVERROR(EAGAIN) || flushing_) {
      bad_video(container_.file(), "frame " + std::to_string(shown_) + " does not decode: " + ffmpeg_message(code),
                "copy it again or re-encode it");
    }
    feed();
  }
}

}  // namespace rrpo::video
