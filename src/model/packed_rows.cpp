#include "rrpo/model/packed_rows.h"

#include <algorithm>

#include "rrpo/util/error.h"

namespace rrpo::model {

int64_t PackedRows::add_segment(const std::vector<int64_t>& tokens, int64_t parent) {
  const auto number = static_cast<int64_t>(segments.size());
  expect(parent >= -1 && parent < number, "a segment's parent comes after it");
  const int64_t begin = parent < 0 ? 0 : segments[static_cast<size_t>(parent)].next_position;
  segments.push_back({static_cast<int64_t>(ids.size()), 0, parent, begin});
  add_tokens(tokens);
  return number;
}

void PackedRows::add_tokens(const std::vector<int64_t>& tokens) {
  expect(!segments.empty(), "tokens of no segment");
  Segment& own = segments.back();
  ids.insert(ids.end(), tokens.begin(), tokens.end());
  for (size_t i = 0; i < tokens.size(); ++i, ++own.next_position)
    positions.push_back({own.next_position, own.next_position, own.next_position});
  own.length += static_cast<int64_t>(tokens.size());
}

void PackedRows::add_visual(const VisualRun& run, int64_t video, int64_t first) {
  expect(!segments.empty(), "visual tokens of no segment");
  expect(run.positions.empty() ? run.extent == run.count : static_cast<int64_t>(run.positions.size()) == run.count,
         "a run of visual tokens with positions for others");
  Segment& own = segments.back();
  const int64_t start = own.next_position;
  visual.push_back({static_cast<int64_t>(ids.size()), video, first, run.count});
  ids.insert(ids.end(), static_cast<size_t>(run.count), kVisualRow);
  for (int64_t i = 0; i < run.count; ++i) {
    const Position at = run.positions.empty() ? Position{i, i, i} : run.positions[static_cast<size_t>(i)];
    positions.push_back({start + at.time, start + at.height, start + at.width});
  }
  own.length += run.count;
  own.next_position += run.extent;
}

int64_t PackedRows::add_clip(const std::vector<std::vector<int64_t>>& leads, const std::vector<VisualRun>& runs,
                             int64_t video) {
  expect(leads.size() == runs.size() || leads.size() == runs.size() + 1, "a clip with words for other runs");
  const int64_t number = add_segment({}, -1);
  int64_t first = 0;
  for (size_t i = 0; i < leads.size(); ++i) {
    add_tokens(leads[i]);
    if (i == runs.size()) break;
    add_visual(runs[i], video, first);
    first += runs[i].count;
  }
  return number;
}

int64_t PackedRows::last_row(int64_t segment) const {
  const Segment& own = segments.at(static_cast<size_t>(segment));
  expect(own.length > 0, "the last row of a segment without rows");
  return own.begin + own.length - 1;
}

}  // namespace rrpo::model
