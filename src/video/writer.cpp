#include "rrpo/video/writer.h"

#include <algorithm>
#include <cmath>

#include "ffmpeg.h"
#include "rrpo/util/atomic_file.h"

namespace rrpo::video {
namespace {

[[noreturn]] void cannot(const std::string& what, int code) {
  throw Error(Fault::environment, "video", what + ": " + ffmpeg_message(code), "check the FFmpeg libraries");
}

void check(int code, const char* what) {
  if (code < 0) cannot(what, code);
}

void check_frames(const Frames& frames) {
  expect(frames.count > 0 && frames.height > 0 && frames.width > 0 &&
             frames.rgb.size() == static_cast<size_t>(frames.count * frames.frame_bytes()),
         "frames to write have a shape and that many bytes");
}

CodecHandle new_encoder(const char* name, const Frames& frames, AVPixelFormat format) {
  silence_ffmpeg();
  const AVCodec* codec = avcodec_find_encoder_by_name(name);
  if (codec == nullptr) {
    throw Error(Fault::environment, "video", std::string("FFmpeg has no encoder ") + name, "install an FFmpeg that has it");
  }
  CodecHandle context(avcodec_alloc_context3(codec));
  if (!context) cannot("encoder", AVERROR(ENOMEM));
  context->width = static_cast<int>(frames.width);
  context->height = static_cast<int>(frames.height);
  context->pix_fmt = format;
  context->thread_count = 1;
  context->flags |= AV_CODEC_FLAG_BITEXACT;
  return context;
}

FrameHandle new_picture(const Frames& frames, AVPixelFormat format) {
  FrameHandle picture = new_frame();
  picture->width = static_cast<int>(frames.width);
  picture->height = static_cast<int>(frames.height);
  picture->format = format;
  check(av_frame_get_buffer(picture.get(), 64), "picture");
  return picture;
}

void copy_rows(const Frames& frames, int64_t index, AVFrame& picture) {
  const int64_t row = frames.width * 3;
  for (int64_t y = 0; y < frames.height; ++y) {
    std::copy_n(frames.frame(index) + y * row, row, picture.data[0] + y * picture.linesize[0]);
  }
}

// An MP4 that grows in memory: a file appears under its name only when it is whole.
class Mp4 {
 public:
  Mp4(const CodecHandle& codec, int fps_scale) : codec_(codec.get()), packet_(new_packet()) {
    check(avformat_alloc_output_context2(&output_, nullptr, "mp4", nullptr), "mp4");
    check(avio_open_dyn_buf(&output_->pb), "mp4");
    output_->flags |= AVFMT_FLAG_BITEXACT;
    stream_ = avformat_new_stream(output_, nullptr);
    if (stream_ == nullptr) cannot("mp4", AVERROR(ENOMEM));
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
    check(avcodec_parameters_from_context(stream_->codecpar, codec_), "mp4");
    AVDictionary* options = nullptr;
    av_dict_set_int(&options, "video_track_timescale", fps_scale, 0);
    const int begun = avformat_write_header(output_, &options);
    av_dict_free(&options);
    check(begun, "mp4 header");
  }
  Mp4(const Mp4&) = delete;
  Mp4& operator=(const Mp4&) = delete;
  ~Mp4() {
    if (output_ != nullptr && output_->pb != nullptr) {
      uint8_t* bytes = nullptr;
      avio_close_dyn_buf(output_->pb, &bytes);
      av_free(bytes);
    }
    avformat_free_context(output_);
  }

  /// Encodes one picture, or drains the encoder (nullptr), and stores what comes out.
  void encode(const AVFrame* picture) {
    check(avcodec_send_frame(codec_, picture), "encoding");
    for (;;) {
      const int code = avcodec_receive_packet(codec_, packet_.get());
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
      check(code, "encoding");
      packet_->duration = 1;
      av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
      check(av_write_frame(output_, packet_.get()), "mp4 packet");
    }
  }

  std::string finish() {
    encode(nullptr);
    check(av_write_trailer(output_), "mp4 end");
    uint8_t* bytes = nullptr;
    const int size = avio_close_dyn_buf(output_->pb, &bytes);
    output_->pb = nullptr;
    std::string result(reinterpret_cast<const char*>(bytes), static_cast<size_t>(std::max(size, 0)));
    av_free(bytes);
    return result;
  }

 private:
  AVFormatContext* output_ = nullptr;
  AVStream* stream_ = nullptr;
  AVCodecContext* codec_;
  PacketHandle packet_;
};

CodecHandle h264_encoder(const Frames& frames, AVRational rate, int crf, int gop) {
  CodecHandle codec = new_encoder("libx264", frames, AV_PIX_FMT_YUV420P);
  codec->time_base = av_inv_q(rate);
  codec->framerate = rate;
  codec->gop_size = gop;
  codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  AVDictionary* options = nullptr;
  av_dict_set(&options, "preset", "veryfast", 0);
  av_dict_set_int(&options, "crf", crf, 0);
  // Without it x264 takes approximate reciprocals, which processors round differently.
  av_dict_set(&options, "x264-params", "cpu-independent=1", 0);
  const int opened = avcodec_open2(codec.get(), codec->codec, &options);
  av_dict_free(&options);
  check(opened, "libx264");
  return codec;
}

}  // namespace

std::string encode_png(const Frames& frames, int64_t index) {
  check_frames(frames);
  expect(index >= 0 && index < frames.count, "the frame to encode exists");
  CodecHandle codec = new_encoder("png", frames, AV_PIX_FMT_RGB24);
  codec->time_base = {1, 1};
  check(avcodec_open2(codec.get(), codec->codec, nullptr), "png");
  const FrameHandle picture = new_picture(frames, AV_PIX_FMT_RGB24);
  copy_rows(frames, index, *picture);
  picture->pts = 0;
  const PacketHandle packet = new_packet();
  check(avcodec_send_frame(codec.get(), picture.get()), "png");
  check(avcodec_receive_packet(codec.get(), packet.get()), "png");
  return {reinterpret_cast<const char*>(packet->data), static_cast<size_t>(packet->size)};
}

std::string encode_clip(const Frames& frames, double fps, int crf, int gop) {
  check_frames(frames);
  expect(fps > 0 && std::isfinite(fps), "a clip has a positive frame rate");
  if (frames.height % 2 != 0 || frames.width % 2 != 0) {
    throw Error(Fault::usage, "video", "H.264 in yuv420p needs an even height and width", "crop or pad the frames");
  }
  const AVRational rate = av_d2q(fps, 1'000'000);
  const CodecHandle codec = h264_encoder(frames, rate, crf, gop);
  Mp4 mp4(codec, rate.num * 1024);
  const FrameHandle rgb = new_picture(frames, AV_PIX_FMT_RGB24);
  const FrameHandle picture = new_picture(frames, AV_PIX_FMT_YUV420P);
  // Without exact rounding swscale's vector code and its plain code differ by a level.
  const ScalerHandle scaler(sws_getContext(rgb->width, rgb->height, AV_PIX_FMT_RGB24, rgb->width, rgb->height,
                                           AV_PIX_FMT_YUV420P, SWS_BILINEAR | SWS_ACCURATE_RND, nullptr, nullptr, nullptr));
  if (!scaler) cannot("colour conversion", AVERROR(ENOMEM));
  for (int64_t i = 0; i < frames.count; ++i) {
    copy_rows(frames, i, *rgb);
    check(av_frame_make_writable(picture.get()), "picture");
    sws_scale(scaler.get(), rgb->data, rgb->linesize, 0, rgb->height, picture->data, picture->linesize);
    picture->pts = i;
    mp4.encode(picture.get());
  }
  return mp4.finish();
}

void write_clip(const std::filesystem::path& file, const Frames& frames, double fps, int crf, int gop) {
  write_atomically(file, encode_clip(frames, fps, crf, gop));
}

void write_png(const std::filesystem::path& file, const Frames& frames, int64_t index) {
  write_atomically(file, encode_png(frames, index));
}

}  // namespace rrpo::video
