// The packets of a video: what is known of them before anything is decoded.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "decoder.h"
#include "rrpo/video/reader.h"
#include "timeline.h"

namespace rrpo::video {

/// The packets of a stream: counted once, and kept for decoding unless they are large.
class Packets {
 public:
  /// Reads all packets of `source`, which outlives this. Throws Error(input) where one is damaged or they take more memory
  /// than `limits` grants.
  Packets(const Source& source, const ReadLimits& limits);

  /// How many frames a request should find: a guess, made without decoding.
  int64_t expected(const std::optional<Clip>& clip) const;
  /// The seconds at which these are shown, rising; where the packets do not say them, by the rate.
  std::vector<double> moments() const;
  /// The frames by their packets; none where only decoding tells them for certain. Valid as long as this.
  std::optional<Timeline> timeline() const;
  /// All packets from the first one; the file is opened anew where they were not kept.
  PacketSource from_start();
  /// Throws Error(input) when packets gave no frame: decoders drop some damaged pictures without a word. `shown` are the
  /// time stamps of all frames that decoded.
  void check_all_shown(std::vector<int64_t> shown) const;

  const Container& container() const { return *container_; }
  /// True where they are in memory.
  bool kept() const { return keeping_; }
  /// Bytes that these, counted from the first of the stream, take in memory.
  int64_t bytes_of(const std::vector<size_t>& packets) const;
  /// Bytes of memory that they hold.
  int64_t memory() const;

 private:
  void note(const AVPacket& packet);
  bool tells(const AVPacket& packet, Place& place);
  bool has_fields() const;
  void read(const ReadLimits& limits);
  int64_t list_bytes() const;
  void keep(PacketHandle packet, int64_t room);
  void check_joins();
  bool joins_at(size_t flagged, int64_t step) const;
  void check_count(size_t shown) const;

  const Source& source_;
  std::unique_ptr<Container> container_;
  std::vector<PacketHandle> kept_;
  std::vector<Place> places_;
  int64_t kept_bytes_ = 0;
  bool keeping_ = true, joined_ = false;
  bool telling_ = false;  ///< each packet so far says all about its picture
  uint64_t sets_ = 0;     ///< parameter sets of the first packet
  int layers_ = 0;        ///< the highest of the temporal layers
};

/// True for a time in seconds inside `clip`, or where there is none.
bool inside(const std::optional<Clip>& clip, double time_s);

}  // namespace rrpo::video
