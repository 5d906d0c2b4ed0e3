// A file to the packets of its video stream.
#include <vector>

#include "complete.h"
#include "decoder.h"
#include "rrpo/util/stop.h"

extern "C" {
#include <libavutil/avstring.h>
}

namespace rrpo::video {
namespace {

constexpr unsigned kMaxStreams = 64;
constexpr int64_t kMaxPackets = 5'000'000;
constexpr const char* kContainers = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,gif";
constexpr const char* kOpenFix = "give an mp4, mov, mkv, webm, avi, ts, mpg, flv, ogg or gif file, or encode it again";

// The prefix keeps a name such as `concat:a|b` or `http:x` a plain file name; only its ending is looked at, to tell formats.
std::string url_of(const Source& source) { return "file:" + std::filesystem::absolute(source.name()).string(); }

// The format of a file by its bytes, when it is one that we read.
const AVInputFormat* probe(SourceReader& reader) {
  const Source& source = reader.source();
  const AVInputFormat* format = nullptr;
  const int score = av_probe_input_buffer2(reader.context(), &format, url_of(source).c_str(), nullptr, 0, 0);
  reader.rethrow();
  if (score < 0 || format == nullptr) bad_video(source.name(), "not a readable video: its format is not known", kOpenFix);
  if (av_match_list(format->name, kContainers, ',') <= 0) {
    const std::string names = format->name;
    bad_video(source.name(), "not a readable video: " + names.substr(0, names.find(',')) + " files are not read", kOpenFix);
  }
  return format;
}

// Every decoder of pictures and none of sound or text: analysing a file opens decoders of all its streams.
const std::string& video_decoders() {
  static const std::string names = [] {
    std::string list;
    void* at = nullptr;
    while (const AVCodec* codec = av_codec_iterate(&at)) {
      if (av_codec_is_decoder(codec) == 0 || codec->type != AVMEDIA_TYPE_VIDEO) continue;
      list += (list.empty() ? "" : ",") + std::string(codec->name);
    }
    return list;
  }();
  return names;
}

class Options {
 public:
  Options() = default;
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;
  ~Options() { av_dict_free(&values_); }
  Options& set(const char* name, const std::string& value) {
    av_dict_set(&values_, name, value.c_str(), 0);
    return *this;
  }
  AVDictionary** get() { return &values_; }

 private:
  AVDictionary* values_ = nullptr;
};

void check_size(const AVStream& stream, const std::filesystem::path& file) {
  const AVCodecParameters& parameters = *stream.codecpar;
  const bool moving = parameters.codec_type == AVMEDIA_TYPE_VIDEO && (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) == 0;
  if (moving && static_cast<int64_t>(parameters.width) * parameters.height > kMaxPixels) {
    bad_video(file,
              "frames of " + std::to_string(parameters.width) + "x" + std::to_string(parameters.height) +
                  " pixels, at most 8192x4320 are read",
              "scale it down");
  }
}

void check_streams(const AVFormatContext& input, const Source& source) {
  if (input.nb_streams > kMaxStreams) {
    bad_video(source.name(), std::to_string(input.nb_streams) + " streams, at most 64 are read",
              "keep its video stream only");
  }
  for (unsigned i = 0; i < input.nb_streams; ++i) check_size(*input.streams[i], source.name());
}

// Reads what the container does not say from its first packets.
void analyse(AVFormatContext& input, const SourceReader& reader) {
  std::vector<AVDictionary*> options(input.nb_streams, nullptr);  // one for each stream that is known by now
  for (AVDictionary*& each : options) av_dict_set_int(&each, "max_pixels", kMaxPixels, 0);
  const int known = avformat_find_stream_info(&input, options.data());
  for (AVDictionary*& each : options) av_dict_free(&each);
  reader.rethrow();
  check_stop();
  if (known < 0) bad_video(reader.source().name(), "its streams cannot be read: " + ffmpeg_message(known), kOpenFix);
  check_streams(input, reader.source());
}

InputHandle open_input(SourceReader& reader) {
  const Source& source = reader.source();
  const AVInputFormat* format = probe(reader);
  AVFormatContext* raw = avformat_alloc_context();
  if (raw == nullptr) throw Error(Fault::environment, "video", "no memory for a file", "free memory");
  raw->pb = reader.context();
  // Pieces found while reading (an attachment, a segment) stay inside this file.
  raw->io_open = [](AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) { return AVERROR(EPERM); };
  raw->interrupt_callback = {[](void*) { return stop_signal() != 0 ? 1 : 0; }, nullptr};
  Options options;
  options.set("protocol_whitelist", "none").set("format_whitelist", kContainers).set("codec_whitelist", video_decoders());
  const int opened = avformat_open_input(&raw, url_of(source).c_str(), format, options.get());
  InputHandle input(opened < 0 ? nullptr : raw);
  reader.rethrow();
  check_stop();
  if (opened < 0) bad_video(source.name(), "not a readable video: " + ffmpeg_message(opened), kOpenFix);
  check_streams(*input, source);
  analyse(*input, reader);
  return input;
}

}  // namespace

Container::Container(const Source& source) {
  silence_ffmpeg();
  reader_ = std::make_unique<SourceReader>(source);
  input_ = open_input(*reader_);
  choose_stream();
  pictures_ = check_complete(*input_, *stream_, source);
}

void Container::choose_stream() {
  const int index = av_find_best_stream(input_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (index < 0 || (input_->streams[index]->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0) {
    bad_video(file(), "no video stream", "give a file with moving pictures");
  }
  stream_ = input_->streams[index];
  for (unsigned i = 0; i < input_->nb_streams; ++i) {
    if (static_cast<int>(i) != index) input_->streams[i]->discard = AVDISCARD_ALL;
  }
}

double Container::rate() const {
  const AVRational rate = stream_->avg_frame_rate;
  return rate.num > 0 && rate.den > 0 ? static_cast<double>(rate.num) / static_cast<double>(rate.den) : 0;
}

bool Container::joins() const { return (input_->iformat->flags & AVFMT_TS_DISCONT) != 0; }

bool Container::next(AVPacket& packet) {
  for (;;) {
    check_stop();
    av_packet_unref(&packet);
    const int code = av_read_frame(input_.get(), &packet);
    if (code < 0) reader_->rethrow();
    if (code == AVERROR_EOF) return false;
    if (code < 0) {
      check_stop();
      bad_video(file(), "damaged after packet " + std::to_string(packets_) + ": " + ffmpeg_message(code), "encode it again");
    }
    if (++packets_ > kMaxPackets) bad_video(file(), "more than 5 million packets", "cut it");
    if (packet.stream_index != stream_->index) continue;
    if ((packet.flags & AV_PKT_FLAG_CORRUPT) != 0 && !joins()) {
      bad_video(file(), "packet " + std::to_string(packets_) + " is damaged or cut", "copy or download it again");
    }
    return true;
  }
}

double Container::seconds(int64_t stamp) const {
  const int64_t start = stream_->start_time == AV_NOPTS_VALUE ? 0 : stream_->start_time;
  int64_t ticks = 0;
  if (__builtin_sub_overflow(stamp, start, &ticks) || __builtin_mul_overflow(ticks, stream_->time_base.num, &ticks)) {
    bad_video(file(), "the time stamp " + std::to_string(stamp) + " lies outside any video", "write its times anew");
  }
  return static_cast<double>(ticks) / static_cast<double>(stream_->time_base.den);
}

}  // namespace rrpo::video
