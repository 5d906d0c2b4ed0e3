// Pictures are decoded straight from their bytes: no demuxer, no file named inside a file.
#include "decoder.h"
#include "rrpo/util/json_file.h"
#include "rrpo/video/reader.h"
#include "upright.h"

namespace rrpo::video {
namespace {

constexpr size_t kMaxPictureBytes = size_t{1} << 30;

AVCodecID picture_codec(std::string_view bytes, const std::filesystem::path& file) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return AV_CODEC_ID_PNG;
  if (bytes.starts_with("\xff\xd8\xff")) return AV_CODEC_ID_MJPEG;
  bad_video(file, "neither PNG nor JPEG", "give PNG or JPEG pictures");
}

std::string picture_bytes(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) bad_video(file, "no such picture", "check the path and data.video_root");
  if (!std::filesystem::is_regular_file(file, error)) bad_video(file, "not a regular file", "give a picture");
  if (std::filesystem::file_size(file, error) > kMaxPictureBytes) bad_video(file, "more than 1 GiB", "scale it down");
  return read_file(file, "video");
}

FrameHandle decode_picture(const std::filesystem::path& file) {
  const std::string bytes = picture_bytes(file);
  AVCodecParameters* raw = avcodec_parameters_alloc();
  const std::unique_ptr<AVCodecParameters, void (*)(AVCodecParameters*)> parameters(
      raw, [](AVCodecParameters* value) { avcodec_parameters_free(&value); });
  expect(raw != nullptr, "no memory for codec parameters");
  raw->codec_type = AVMEDIA_TYPE_VIDEO;
  raw->codec_id = picture_codec(bytes, file);
  const CodecHandle codec = open_decoder(*raw, file);
  const PacketHandle packet = new_packet();
  if (av_new_packet(packet.get(), static_cast<int>(bytes.size())) < 0) {
    throw Error(Fault::environment, "video", "no memory for a picture", "free memory");
  }
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(packet->data));
  FrameHandle frame = new_frame();
  int code = avcodec_send_packet(codec.get(), packet.get());
  if (code >= 0) code = avcodec_send_packet(codec.get(), nullptr);
  if (code >= 0) code = avcodec_receive_frame(codec.get(), frame.get());
  if (code < 0) bad_video(file, "the picture does not decode: " + ffmpeg_message(code), "save it again");
  check_frame(*frame, 0, file);
  return frame;
}

}  // namespace

Frames read_pictures(const std::vector<std::filesystem::path>& files) {
  if (files.empty()) throw Error(Fault::input, "video", "an empty list of pictures", "name at least one");
  Frames frames;
  RgbConverter converter{Orientation{}};
  for (const auto& file : files) {
    const FrameHandle frame = decode_picture(file);
    if (frames.count == 0) {
      frames.height = frame->height;
      frames.width = frame->width;
    } else if (frame->height != frames.height || frame->width != frames.width) {
      bad_video(file,
                std::to_string(frame->width) + "x" + std::to_string(frame->height) + " pixels, the first picture has " +
                    std::to_string(frames.width) + "x" + std::to_string(frames.height),
                "give pictures of one size");
    }
    const size_t at = frames.rgb.size();
    frames.rgb.resize(at + static_cast<size_t>(frames.frame_bytes()));
    converter.convert(*frame, frames.rgb.data() + at, file);
    frames.index.push_back(frames.count++);
    frames.time_s.push_back(0);  // pictures have no time
  }
  return frames;
}

}  // namespace rrpo::video
