// The input of every decoder pass: prefixes and branches as one matrix of rows beside a segment table, without padding.
#pragma once

#include <cstdint>
#include <vector>

namespace rrpo::model {

/// Rows [begin, begin + length). A segment attends causally to itself and fully to its ancestors; its positions continue
/// from its parent's last one.
struct Segment {
  int64_t begin = 0;
  int64_t length = 0;
  int64_t parent = -1;  ///< number of an earlier segment, or -1
  int64_t first_position = 0;
};

/// Rows [begin, begin + N) take the N visual tokens of `visual[video]` instead of a token embedding.
struct VisualRows {
  int64_t begin = 0;
  int64_t video = 0;
};

/// Letters: T rows in all, M read rows.
struct PackedRows {
  std::vector<int64_t> ids;        ///< [T]; rows of visual tokens hold kVisualRow
  std::vector<Segment> segments;   ///< in order of `begin`, parents before children, covering all rows
  std::vector<VisualRows> visual;  ///< at most one per segment
  std::vector<int64_t> read_rows;  ///< [M] rows whose final hidden state is wanted; may repeat

  /// Appends a segment of plain tokens and returns its number.
  int64_t add_segment(const std::vector<int64_t>& tokens, int64_t parent);
  /// Appends a root segment: tokens, then `count` rows of the visual tokens of `video`.
  int64_t add_video(const std::vector<int64_t>& tokens, int64_t count, int64_t video);
  int64_t last_row(int64_t segment) const;
};

inline constexpr int64_t kVisualRow = -1;

}  // namespace rrpo::model
