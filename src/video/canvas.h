// The chosen frames of a video, as they come out of a decoder.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "packets.h"
#include "upright.h"

namespace rrpo::video {

/// How the stream says that its frames are to be shown.
Orientation stored_orientation(const Container& container);
/// Writes what is known of a whole video: `members` frames lie in the clip, `total` in the file.
void set_length(Frames& frames, const Container& container, int64_t members, int64_t total);

/// Frames in the order in which they are listed, filled in any order. Each is converted once.
class Canvas {
 public:
  /// `chosen`: numbers, in any order and repeated as one likes. `packets` and `limits` outlive this.
  Canvas(const Packets& packets, const std::vector<int64_t>& chosen, double start_s, const ReadLimits& limits);

  /// Takes a frame where it is chosen. `member`: its number among those that were chosen from, given once; `number`: among
  /// all of the video. Throws Error(input) for another size than the first, or beyond the memory.
  void see(const AVFrame& frame, int64_t member, int64_t number, double time_s);
  bool full() const { return filled_ == places_.size(); }
  /// `members`: frames of the clip; `total`: of the file.
  Frames take(int64_t members, int64_t total);

 private:
  void begin(const AVFrame& frame, int64_t number);

  const Packets& packets_;
  std::vector<std::pair<int64_t, size_t>> places_;  ///< number and place in the list, rising
  double start_s_;
  const ReadLimits& limits_;
  std::optional<RgbConverter> converter_;
  Frames frames_;
  size_t filled_ = 0;
};

}  // namespace rrpo::video
