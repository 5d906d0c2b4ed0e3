#include "rrpo/model/packed_rows.h"

#include "rrpo/util/error.h"

namespace rrpo::model {

int64_t PackedRows::add_segment(const std::vector<int64_t>& tokens, int64_t parent) {
  const auto number = static_cast<int64_t>(segments.size());
  expect(parent >= -1 && parent < number, "a segment's parent comes after it");
  Segment segment{static_cast<int64_t>(ids.size()), static_cast<int64_t>(tokens.size()), parent, 0};
  if (parent >= 0) {
    const Segment& above = segments[static_cast<size_t>(parent)];
    segment.first_position = above.first_position + above.length;
  }
  ids.insert(ids.end(), tokens.begin(), tokens.end());
  segments.push_back(segment);
  return number;
}

int64_t PackedRows::add_video(const std::vector<int64_t>& tokens, int64_t count, int64_t video) {
  const int64_t number = add_segment(tokens, -1);
  visual.push_back({static_cast<int64_t>(ids.size()), video});
  ids.insert(ids.end(), static_cast<size_t>(count), kVisualRow);
  segments.back().length += count;
  return number;
}

int64_t PackedRows::last_row(int64_t segment) const {
  const Segment& own = segments.at(static_cast<size_t>(segment));
  expect(own.length > 0, "the last row of a segment without rows");
  return own.begin + own.length - 1;
}

}  // namespace rrpo::model
