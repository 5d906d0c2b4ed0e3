// Pictures are decoded straight from their bytes: no demuxer, no file named inside a file.
#include <algorithm>
#include <numeric>

#include "decoder.h"
#include "endings.h"
#include "limits.h"
#include "packets.h"
#include "plan.h"
#include "rrpo/video/reader.h"
#include "upright.h"

namespace rrpo::video {
namespace {

AVCodecID picture_codec(PictureKind kind, const Source& source) {
  switch (kind) {
    case PictureKind::png:
      return AV_CODEC_ID_PNG;
    case PictureKind::jpeg:
      return AV_CODEC_ID_MJPEG;
    case PictureKind::webp:
      return AV_CODEC_ID_WEBP;
    case PictureKind::bmp:
      return AV_CODEC_ID_BMP;
    case PictureKind::gif:
      bad_video(source.name(), "a GIF is no still picture", "give it as video, or save it as PNG");
    case PictureKind::unknown:
      break;
  }
  bad_video(source.name(), "neither PNG, JPEG, WebP nor BMP", "save it as PNG or JPEG");
}

PacketHandle packet_of(const Source& source) {
  PacketHandle packet = new_packet();
  if (av_new_packet(packet.get(), static_cast<int>(source.size())) < 0) {
    throw Error(Fault::environment, "video", "no memory for a picture", "free memory");
  }
  if (source.read(packet->data, source.size(), 0) != source.size())
    bad_video(source.name(), "it became shorter while it was read", "wait until it is written");
  return packet;
}

FrameHandle decode_picture(const Source& source) {
  constexpr int64_t kMaxPictureBytes = int64_t{1} << 30;
  if (source.size() > kMaxPictureBytes) bad_video(source.name(), "more than 1 GiB", "scale it down");
  const PictureKind kind = picture_kind(source);
  AVCodecParameters* raw = avcodec_parameters_alloc();
  const std::unique_ptr<AVCodecParameters, void (*)(AVCodecParameters*)> parameters(
      raw, [](AVCodecParameters* value) { avcodec_parameters_free(&value); });
  if (raw == nullptr) throw Error(Fault::environment, "video", "no memory for a picture", "free memory");
  raw->codec_type = AVMEDIA_TYPE_VIDEO;
  raw->codec_id = picture_codec(kind, source);
  check_picture_ending(source, kind);
  const CodecHandle codec = open_decoder(*raw, source.name());
  const PacketHandle packet = packet_of(source);
  FrameHandle frame = new_frame();
  int code = avcodec_send_packet(codec.get(), packet.get());
  if (code >= 0) code = avcodec_send_packet(codec.get(), nullptr);
  if (code >= 0) code = avcodec_receive_frame(codec.get(), frame.get());
  if (code < 0) bad_video(source.name(), "the picture does not decode: " + ffmpeg_message(code), "save it again");
  check_frame(*frame, 0, source.name());
  return frame;
}

// Pictures of one size, one behind the other.
class Pictures {
 public:
  Pictures(size_t count, const ReadLimits& limits) : count_(static_cast<int64_t>(count)), limits_(limits) {}

  void add(const Source& source) {
    const FrameHandle frame = decode_picture(source);
    if (frames_.count == 0) begin(*frame, source);
    if (frame->height != frames_.height || frame->width != frames_.width) {
      bad_video(source.name(),
                std::to_string(frame->width) + "x" + std::to_string(frame->height) + " pixels, the first picture has " +
                    std::to_string(frames_.width) + "x" + std::to_string(frames_.height),
                "give pictures of one size");
    }
    const size_t at = frames_.rgb.size();
    frames_.rgb.resize(at + static_cast<size_t>(frames_.frame_bytes()));
    converter_.convert(*frame, frames_.rgb.data() + at, source.name());
    frames_.index.push_back(frames_.count++);
    frames_.time_s.push_back(0);  // pictures have no time
  }

  /// The last one once more.
  void repeat() {
    frames_.rgb.resize(frames_.rgb.size() + static_cast<size_t>(frames_.frame_bytes()));
    std::copy_n(frames_.frame(frames_.count - 1), frames_.frame_bytes(), frames_.frame(frames_.count));
    frames_.index.push_back(frames_.count++);
    frames_.time_s.push_back(0);
  }

  Frames take() {
    frames_.total = frames_.count;
    return std::move(frames_);
  }

 private:
  void begin(const AVFrame& frame, const Source& source) {
    frames_.height = frame.height;
    frames_.width = frame.width;
    const int64_t bytes = count_ * frames_.frame_bytes();
    const std::string size = std::to_string(frame.width) + "x" + std::to_string(frame.height);
    check_memory(source.name(), std::to_string(count_) + " pictures of " + size, bytes, limits_);
    frames_.rgb.reserve(static_cast<size_t>(bytes));
  }

  int64_t count_;
  const ReadLimits& limits_;
  Frames frames_;
  RgbConverter converter_{Orientation{}};
};

/// The pictures inside a clip.
struct Members {
  int64_t begin = 0, count = 0;
};

Members members_of(const NumberedPictures& pictures, const std::optional<Clip>& clip) {
  Members members;
  for (size_t i = 0; i < pictures.files.size(); ++i) {
    const bool member = inside(clip, static_cast<double>(i) / pictures.fps);
    if (member && members.count++ == 0) members.begin = static_cast<int64_t>(i);
  }
  return members;
}

/// Writes what is known of the chosen pictures beside themselves.
void describe(Frames& frames, const NumberedPictures& pictures, const Choice& choice, const std::vector<int64_t>& chosen) {
  const std::optional<Clip> clip = choice.indices.empty() ? choice.clip : std::nullopt;
  frames.index = chosen;
  frames.time_s.clear();
  for (const int64_t number : chosen) {
    frames.time_s.push_back(std::max(0.0, static_cast<double>(number) / pictures.fps - (clip ? clip->start_s : 0)));
  }
  frames.duration_s = static_cast<double>(members_of(pictures, clip).count) / pictures.fps;
  frames.fps = pictures.fps;
  frames.total = static_cast<int64_t>(pictures.files.size());
}

/// As many frames as `count` of the size of one picture, without pixels.
Frames outline_of(const std::filesystem::path& first, size_t count, const ReadLimits& limits) {
  Pictures pictures(count, limits);
  pictures.add(Source(first));
  const Frames one = pictures.take();
  Frames frames;
  frames.count = static_cast<int64_t>(count);
  frames.height = one.height;
  frames.width = one.width;
  return frames;
}

}  // namespace

Frames read_pictures(const std::vector<std::filesystem::path>& files, const ReadLimits& limits) {
  if (files.empty()) throw Error(Fault::input, "video", "an empty list of pictures", "name at least one");
  Pictures pictures(files.size(), limits);
  for (const auto& file : files) pictures.add(Source(file));
  return pictures.take();
}

Frames outline_pictures(const std::vector<std::filesystem::path>& files, const ReadLimits& limits) {
  if (files.empty()) throw Error(Fault::input, "video", "an empty list of pictures", "name at least one");
  Frames frames = outline_of(files.front(), files.size(), limits);
  frames.index.resize(files.size());
  std::iota(frames.index.begin(), frames.index.end(), 0);
  frames.time_s.assign(files.size(), 0);
  frames.total = frames.count;
  return frames;
}

std::vector<int64_t> choose_pictures(const NumberedPictures& pictures, const Choice& choice) {
  const Plan plan(choice, pictures.name);
  const Members members = members_of(pictures, plan.clip());
  const int64_t begin = plan.whole() ? 0 : members.begin;
  const int64_t count = plan.whole() ? static_cast<int64_t>(pictures.files.size()) : members.count;
  std::vector<int64_t> chosen =
      plan.numbers({.count = count, .fps = pictures.fps, .first = pictures.first, .is_folder = true});
  if (chosen.empty()) plan.refuse(count);
  for (int64_t& number : chosen) number += begin;
  return chosen;
}

Frames read_numbered(const NumberedPictures& pictures, const Choice& choice, const ReadLimits& limits) {
  const std::vector<int64_t> chosen = choose_pictures(pictures, choice);
  Pictures read(chosen.size(), limits);
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (i > 0 && chosen[i] == chosen[i - 1]) {
      read.repeat();
    } else {
      read.add(Source(pictures.files[static_cast<size_t>(chosen[i])]));
    }
  }
  Frames frames = read.take();
  describe(frames, pictures, choice, chosen);
  return frames;
}

Frames outline_numbered(const NumberedPictures& pictures, const Choice& choice, const ReadLimits& limits) {
  const std::vector<int64_t> chosen = choose_pictures(pictures, choice);
  Frames frames = outline_of(pictures.files[static_cast<size_t>(chosen.front())], chosen.size(), limits);
  describe(frames, pictures, choice, chosen);
  return frames;
}

Frames read_picture_bytes(std::string_view bytes, const ReadLimits& limits, const std::filesystem::path& name) {
  Pictures pictures(1, limits);
  pictures.add(Source(bytes, name));
  return pictures.take();
}

}  // namespace rrpo::video
