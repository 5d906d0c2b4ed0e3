#include "maker.h"

#include <algorithm>
#include <stdexcept>

#include "../../src/video/ffmpeg.h"
#include "rrpo/util/json_file.h"
#include "support/temp_dir.h"

extern "C" {
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

namespace rrpo::video::test {
namespace {

int ok(int code, const char* what) {
  if (code < 0) throw std::runtime_error(std::string(what) + ": " + ffmpeg_message(code));
  return code;
}

CodecHandle encoder(const Frames& frames, const Recipe& recipe, bool global_header) {
  const AVCodec* codec = avcodec_find_encoder_by_name(recipe.codec.c_str());
  if (codec == nullptr) throw std::runtime_error("no encoder " + recipe.codec);
  CodecHandle context(avcodec_alloc_context3(codec));
  context->width = static_cast<int>(frames.width);
  context->height = static_cast<int>(frames.height);
  context->pix_fmt = av_get_pix_fmt(recipe.pixels.c_str());
  context->time_base = {1, recipe.rate};
  context->framerate = {recipe.rate, 1};
  context->gop_size = recipe.gop;
  context->max_b_frames = recipe.b_frames;
  context->thread_count = 1;
  if (global_header) context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  AVDictionary* options = nullptr;
  for (const auto& [name, value] : recipe.options) av_dict_set(&options, name.c_str(), value.c_str(), 0);
  const int opened = avcodec_open2(context.get(), codec, &options);
  av_dict_free(&options);
  ok(opened, recipe.codec.c_str());
  return context;
}

// A file in a folder of its own: some muxers go back to complete what they wrote.
struct Output {
  rrpo::test::TempDir dir;
  std::filesystem::path file = dir / "clip";
  AVFormatContext* context = nullptr;
  explicit Output(const std::string& format) {
    ok(avformat_alloc_output_context2(&context, nullptr, format.c_str(), nullptr), format.c_str());
    ok(avio_open(&context->pb, file.c_str(), AVIO_FLAG_WRITE), "file");
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() {
    avio_closep(&context->pb);
    avformat_free_context(context);
  }
  std::string take() {
    avio_closep(&context->pb);
    return read_file(file, "test");
  }
};

void drain(AVCodecContext* codec, const Output& out, const AVFrame* frame) {
  ok(avcodec_send_frame(codec, frame), "encoding");
  const PacketHandle packet = new_packet();
  for (;;) {
    const int code = avcodec_receive_packet(codec, packet.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
    ok(code, "encoding");
    packet->duration = 1;
    av_packet_rescale_ts(packet.get(), codec->time_base, out.context->streams[0]->time_base);
    ok(av_write_frame(out.context, packet.get()), "writing");
  }
}

FrameHandle empty_frame(const Frames& frames, AVPixelFormat format) {
  FrameHandle frame = new_frame();
  frame->width = static_cast<int>(frames.width);
  frame->height = static_cast<int>(frames.height);
  frame->format = format;
  ok(av_frame_get_buffer(frame.get(), 64), "frame");
  for (const AVBufferRef* plane : frame->buf) {
    if (plane != nullptr) std::fill_n(plane->data, plane->size, uint8_t{0});
  }
  return frame;
}

// swscale reads whole vectors, past the end of a row, and lets them weigh: from padded rows, or a clip is not always the
// same.
FrameHandle converted(const Frames& frames, int64_t index, AVPixelFormat format) {
  const FrameHandle rgb = empty_frame(frames, AV_PIX_FMT_RGB24);
  FrameHandle frame = empty_frame(frames, format);
  for (int64_t y = 0; y < frames.height; ++y)
    std::copy_n(frames.frame(index) + y * frames.width * 3, frames.width * 3, rgb->data[0] + y * rgb->linesize[0]);
  const ScalerHandle scaler(sws_getContext(frame->width, frame->height, AV_PIX_FMT_RGB24, frame->width, frame->height,
                                           format, SWS_BILINEAR | SWS_ACCURATE_RND, nullptr, nullptr, nullptr));
  sws_scale(scaler.get(), rgb->data, rgb->linesize, 0, frame->height, frame->data, frame->linesize);
  return frame;
}

}  // namespace

Frames moving(int64_t count, int64_t height, int64_t width) {
  Frames frames;
  frames.count = count;
  frames.height = height;
  frames.width = width;
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const bool square = (x + 64 - 3 * i % 64) % 64 < 16 && y > 8 && y < 30;
        const int64_t grain = (x * 7919 + y * 104729 + x * y * 31) % 23;
        for (const int64_t value : {x * 3 + grain, y * 4 + 2 * i, square ? 250 : 20 + grain})
          frames.rgb.push_back(static_cast<uint8_t>(value & 255));
      }
    }
  }
  return frames;
}

std::string make_clip(const Frames& frames, const Recipe& recipe) {
  silence_ffmpeg();
  Output out(recipe.format);
  const CodecHandle codec = encoder(frames, recipe, (out.context->oformat->flags & AVFMT_GLOBALHEADER) != 0);
  AVStream* stream = avformat_new_stream(out.context, nullptr);
  stream->time_base = codec->time_base;
  stream->avg_frame_rate = codec->framerate;
  ok(avcodec_parameters_from_context(stream->codecpar, codec.get()), "parameters");
  ok(avformat_write_header(out.context, nullptr), "header");
  for (int64_t i = 0; i < frames.count; ++i) {
    const FrameHandle frame = converted(frames, i, codec->pix_fmt);
    frame->pts = recipe.first + (recipe.uneven ? i / 3 * 5 + i % 3 : i);
    drain(codec.get(), out, frame.get());
  }
  drain(codec.get(), out, nullptr);
  ok(av_write_trailer(out.context), "trailer");
  return out.take();
}

std::string make_tracks(int count, int height, int width) {
  silence_ffmpeg();
  Output out("matroska");
  for (int i = 0; i < count; ++i) {
    AVCodecParameters& track = *avformat_new_stream(out.context, nullptr)->codecpar;
    track.codec_type = AVMEDIA_TYPE_VIDEO;
    track.codec_id = AV_CODEC_ID_MJPEG;
    track.height = height;
    track.width = width;
  }
  ok(avformat_write_header(out.context, nullptr), "header");
  AVPacket* packet = av_packet_alloc();
  ok(av_new_packet(packet, 64), "packet");  // a file without any is no video
  std::fill_n(packet->data, packet->size, uint8_t{0});
  packet->pts = packet->dts = 0;
  packet->flags |= AV_PKT_FLAG_KEY;
  const int written = av_write_frame(out.context, packet);
  av_packet_free(&packet);
  ok(written, "frame");
  ok(av_write_trailer(out.context), "trailer");
  return out.take();
}

}  // namespace rrpo::video::test
