#include "decoder.h"

#include "complete.h"

namespace rrpo::video {
namespace {

constexpr int64_t kMaxBytes = int64_t{16} << 30;
constexpr unsigned kMaxStreams = 64;
constexpr int64_t kMaxPackets = 5'000'000;
constexpr const char* kContainers = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,gif";
constexpr const char* kOpenFix = "give an mp4, mov, mkv, webm, avi, ts, mpg, flv, ogg or gif file, or encode it again";

// A device, a pipe or a folder is never opened: reading one may block for ever.
void check_file(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) bad_video(file, "no such file", "check the path and data.video_root");
  if (!std::filesystem::is_regular_file(status)) bad_video(file, "not a regular file", "give a video file");
  const auto bytes = std::filesystem::file_size(file, error);
  if (error) bad_video(file, "cannot be read: " + error.message(), "check its permissions");
  if (bytes == 0) bad_video(file, "the file is empty", "copy it again");
  if (static_cast<int64_t>(bytes) > kMaxBytes) bad_video(file, "more than 16 GiB", "cut or re-encode it");
}

InputHandle open_input(const std::filesystem::path& file) {
  silence_ffmpeg();
  check_file(file);
  AVDictionary* options = nullptr;
  av_dict_set(&options, "protocol_whitelist", "file", 0);
  av_dict_set(&options, "format_whitelist", kContainers, 0);
  AVFormatContext* raw = nullptr;
  // The prefix keeps a name such as `concat:a|b` or `http:x` a plain file name.
  const std::string url = "file:" + std::filesystem::absolute(file).string();
  const int opened = avformat_open_input(&raw, url.c_str(), nullptr, &options);
  av_dict_free(&options);
  if (opened < 0) bad_video(file, "not a readable video: " + ffmpeg_message(opened), kOpenFix);
  InputHandle input(raw);
  // Pieces found while reading (an attachment, a segment) stay inside this file.
  input->io_open = [](AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) { return AVERROR(EPERM); };
  const auto check_streams = [&] {
    if (input->nb_streams > kMaxStreams) {
      bad_video(file, std::to_string(input->nb_streams) + " streams, at most 64 are read", "keep its video stream only");
    }
  };
  check_streams();
  const int known = avformat_find_stream_info(input.get(), nullptr);
  if (known < 0) bad_video(file, "its streams cannot be read: " + ffmpeg_message(known), kOpenFix);
  check_streams();
  return input;
}

}  // namespace

Container::Container(const std::filesystem::path& file) : file_(file), input_(open_input(file)) {
  const int index = av_find_best_stream(input_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (index < 0 || (input_->streams[index]->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0) {
    bad_video(file, "no video stream", "give a file with moving pictures");
  }
  stream_ = input_->streams[index];
  const AVCodecParameters& parameters = *stream_->codecpar;
  if (static_cast<int64_t>(parameters.width) * parameters.height > kMaxPixels) {
    bad_video(file,
              "frames of " + std::to_string(parameters.width) + "x" + std::to_string(parameters.height) +
                  " pixels, at most 8192x4320 are read",
              "scale it down");
  }
  for (unsigned i = 0; i < input_->nb_streams; ++i) {
    if (static_cast<int>(i) != index) input_->streams[i]->discard = AVDISCARD_ALL;
  }
  check_complete(*input_, *stream_, file_);
}

bool Container::next(AVPacket& packet) {
  for (;;) {
    av_packet_unref(&packet);
    const int code = av_read_frame(input_.get(), &packet);
    if (code == AVERROR_EOF) {
      if (input_->pb != nullptr && input_->pb->error < 0) {
        bad_video(file_, "reading stopped: " + ffmpeg_message(input_->pb->error), "check the disk");
      }
      return false;
    }
    if (code < 0) {
      bad_video(file_, "damaged after packet " + std::to_string(packets_) + ": " + ffmpeg_message(code), "encode it again");
    }
    if (++packets_ > kMaxPackets) bad_video(file_, "more than 5 million packets", "cut it");
    if (packet.stream_index != stream_->index) continue;
    if ((packet.flags & AV_PKT_FLAG_CORRUPT) != 0) {
      bad_video(file_, "packet " + std::to_string(packets_) + " is damaged or cut", "copy or download it again");
    }
    return true;
  }
}

double Container::seconds(int64_t stamp) const {
  const int64_t start = stream_->start_time == AV_NOPTS_VALUE ? 0 : stream_->start_time;
  return static_cast<double>((stamp - start) * stream_->time_base.num) / static_cast<double>(stream_->time_base.den);
}

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
