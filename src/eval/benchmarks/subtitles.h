// Subtitles of a video: what they say, and which of it goes into a prompt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/util/json_file.h"

namespace rrpo::eval {

struct Cue {
  double begin_s = 0;
  std::optional<double> end_s{};  ///< nothing: the end of the video
  std::string text{};             ///< its lines, joined by blanks
};

/// The cues of an SRT file in its order, as Video-MME's scripts read it: blocks between empty lines, of two cues with the
/// same times the later text at the earlier place. Throws Error(input, "data") where a block has no times.
std::vector<Cue> parse_srt(std::string_view text, std::string_view place);

/// LongVideoBench's lists: `{"timestamp": [s, e], "text"}`, where an end that is no fraction means the end of the video (so
/// its own reader takes it), or `{"start": "HH:MM:SS.mmm", "end", "line"}`. Throws Error(input, "data").
std::vector<Cue> parse_cue_list(const Json& list, std::string_view place);

/// Of the cues on which one of `frames` (numbers in the video) falls, what stands in Video-MME's white font, a line each. A
/// cue without that font says nothing.
std::string cues_at_frames(const std::vector<Cue>& cues, const std::vector<int64_t>& frames, double fps);

/// A frame (its place in the list of frames), or else a text.
struct Piece {
  std::optional<int64_t> frame{};
  std::string text{};

  bool operator==(const Piece&) const = default;
};

/// LongVideoBench's prompt: each frame, and each cue that covers one, by time. Cues go in the order of the file. `offset_s`:
/// where the video begins on their clock.
std::vector<Piece> interleave(const std::vector<double>& frame_times, const std::vector<Cue>& cues, double offset_s,
                              double duration_s);

}  // namespace rrpo::eval
