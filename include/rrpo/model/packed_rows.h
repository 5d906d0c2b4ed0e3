// The input of every decoder pass: prefixes and branches as one matrix of rows beside a segment table, without padding.
#pragma once

#include <cstdint>
#include <vector>

namespace rrpo::model {

/// Where a row stands. Text stands at the same place on all three axes; a decoder with one axis reads the first.
struct Position {
  int64_t time = 0, height = 0, width = 0;
  bool operator==(const Position&) const = default;
};

/// Visual tokens that a prompt shows in a row, without words between them.
struct VisualRun {
  int64_t count = 0;
  std::vector<Position> positions = {};  ///< of each, from the run's own start; empty: one after the other, as text
  int64_t extent = 0;                    ///< where what follows stands, from there; of a run without positions: count
  double time_s = 0;                     ///< the moment that it shows, for prompts that say it
  bool operator==(const VisualRun&) const = default;
};

/// A run that stands as text would.
inline VisualRun plain_run(int64_t count) { return {.count = count, .extent = count}; }

/// Rows [begin, begin + length). A segment attends causally to itself and fully to its ancestors; its positions continue
/// where its parent's end.
struct Segment {
  int64_t begin = 0;
  int64_t length = 0;
  int64_t parent = -1;        ///< number of an earlier segment, or -1
  int64_t next_position = 0;  ///< where the row after its last one stands, on all axes
};

/// Rows [begin, begin + count) take the visual tokens [first, first + count) of `visual[video]` instead of token embeddings.
struct VisualRows {
  int64_t begin = 0;
  int64_t video = 0;
  int64_t first = 0;
  int64_t count = 0;
};

/// Letters: T rows in all, M read rows.
struct PackedRows {
  std::vector<int64_t> ids;         ///< [T]; rows of visual tokens hold kVisualRow
  std::vector<Position> positions;  ///< [T]
  std::vector<Segment> segments;    ///< in order of `begin`, parents before children, covering all rows
  std::vector<VisualRows> visual;   ///< in order of `begin`
  std::vector<int64_t> read_rows;   ///< [M] rows whose final hidden state is wanted; may repeat

  /// Appends a segment of plain tokens and returns its number.
  int64_t add_segment(const std::vector<int64_t>& tokens, int64_t parent);
  /// Appends tokens to the last segment.
  void add_tokens(const std::vector<int64_t>& tokens);
  /// Appends to the last segment the tokens [first, first + run.count) of `video`.
  void add_visual(const VisualRun& run, int64_t video, int64_t first);
  /// Appends a root segment: `leads[i]`, then run i, for each run of a clip; `leads` may have one more, which ends it.
  int64_t add_clip(const std::vector<std::vector<int64_t>>& leads, const std::vector<VisualRun>& runs, int64_t video);
  int64_t last_row(int64_t segment) const;
};

inline constexpr int64_t kVisualRow = -1;
/// A row whose input is a vector of ones: what VideoChat2's training has in place of the first token.
inline constexpr int64_t kOnesRow = -2;

}  // namespace rrpo::model
