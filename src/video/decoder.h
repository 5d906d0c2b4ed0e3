// One video stream of a file as packets and as frames, read from its beginning; the file is not trusted.
#pragma once

#include <functional>

#include "source.h"

namespace rrpo::video {

/// A file opened for reading, with its video stream chosen. Only known containers are opened: no playlist, no protocol, no
/// file named inside the file, and no decoder of another stream.
class Container {
 public:
  /// `source` outlives the container.
  explicit Container(const Source& source);

  /// The next packet of the video stream; false at the end. Throws Error(input) on a damaged or missing part, Stopped when
  /// a stop was asked for. Where the container's clock may begin anew (`joins`), a packet may carry the mark that something
  /// is missing beside it: whoever sees them all judges it.
  bool next(AVPacket& packet);
  const AVStream& stream() const { return *stream_; }
  /// Frames a second on the mean, as the container states it; 0: not known.
  double rate() const;
  const std::filesystem::path& file() const { return reader_->source().name(); }
  /// True for transport streams: segments of them are joined by writing one behind the other.
  bool joins() const;
  /// The number of pictures where the container states it by its form (GIF), else -1.
  int64_t pictures() const { return pictures_; }
  /// Seconds from the stream's beginning of a time stamp in the stream's unit. Throws Error(input) where none can be.
  double seconds(int64_t stamp) const;

 private:
  void choose_stream();
  std::unique_ptr<SourceReader> reader_;  // first: the input reads through it to its end
  InputHandle input_;
  AVStream* stream_ = nullptr;
  int64_t packets_ = 0;
  int64_t pictures_ = -1;
};

/// Gives the next packet; false at the end.
using PacketSource = std::function<bool(AVPacket&)>;

/// The frames of a stream in the order in which they are shown.
class Decoder {
 public:
  /// Decodes the packets of `source`, which come from `container`'s stream; `container` outlives the decoder.
  Decoder(const Container& container, PacketSource source);

  /// Decodes the next frame; false after the last. Throws Error(input) on a damaged frame, Stopped when a stop was asked
  /// for.
  bool next(AVFrame& frame);
  /// Begins anew with the packets of `source`, as if none had come before.
  void restart(PacketSource source);

 private:
  void feed();
  const Container& container_;
  PacketSource source_;
  CodecHandle codec_;
  PacketHandle packet_;
  int64_t shown_ = 0;
  bool flushing_ = false;
};

/// Opens a decoder for `parameters` with one thread and the ceiling on pixels. `file` names it in errors.
CodecHandle open_decoder(const AVCodecParameters& parameters, const std::filesystem::path& file);
/// Throws Error(input) unless the frame is whole.
void check_frame(const AVFrame& frame, int64_t number, const std::filesystem::path& file);

}  // namespace rrpo::video
