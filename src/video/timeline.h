// The frames of a stream by its packets alone, and which packets a few of them need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace rrpo::video {

/// What is known of a packet before anything is decoded.
struct Place {
  int64_t pts, dts;
  bool key, hidden, flagged;  ///< begins a group; not shown by the file's own wish; something is missing beside it
  int bytes = 0;
  bool shown = true;   ///< false: its picture only serves others
  bool start = false;  ///< decoding can begin here
  bool spare = false;  ///< no other picture refers to it
  int layer = 0;       ///< of those that the stream's rate is made of; 0: the lowest

  bool visible() const { return shown && !hidden; }
};

/// Packets to decode one after another from a fresh decoder, and what must come out.
struct Run {
  std::vector<size_t> packets;  ///< rising, counted from the first of the stream
  std::vector<int64_t> shown;   ///< time stamps, rising
};

/// The frames in the order in which they are shown, each one packet.
class Timeline {
 public:
  /// None where the places leave a doubt about that order: a missing, repeated or falling time stamp, or pictures before the
  /// first with which decoding can begin. `leads`: pictures behind a start may stand before it in presentation (HEVC).
  static std::optional<Timeline> of(const std::vector<Place>& places, bool leads);

  int64_t count() const { return static_cast<int64_t>(frames_.size()); }
  int64_t stamp(int64_t number) const { return frames_[static_cast<size_t>(number)].pts; }
  /// The number of the frame with this stamp, or -1.
  int64_t number_of(int64_t stamp) const;
  /// What the frames `numbers` (rising, each once) need: from the last start before each to its packet, without the pictures
  /// to which nothing refers. No packet stands in two runs.
  std::vector<Run> runs(const std::vector<int64_t>& numbers) const;
  /// The first packet alone, whose facts some decoders keep.
  Run first() const { return run_of(0, {0}); }

 private:
  struct Frame {
    int64_t pts;
    size_t packet;
  };
  explicit Timeline(const std::vector<Place>& places, bool leads) : places_(places), leads_(leads) {}
  bool find_frames();
  void find_starts();
  size_t start_of(const Frame& frame) const;
  Run run_of(size_t begin, std::vector<size_t> wanted) const;

  const std::vector<Place>& places_;
  bool leads_;
  std::vector<Frame> frames_;
  std::vector<Frame> starts_;  ///< rising by both
};

}  // namespace rrpo::video
