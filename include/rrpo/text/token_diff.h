// Which tokens of two answers differ, as VideoChat2's training code marks them.
#pragma once

#include <cstdint>
#include <vector>

namespace rrpo::text {

/// A run of elements that two sequences have in common.
struct MatchingBlock {
  int64_t a = 0, b = 0, size = 0;
};

/// Longest matching runs first, then those left and right of them, sorted; the last one is empty and stands at both ends. Of
/// a `b` with 200 elements or more, those that occur more than size / 100 + 1 times begin no match. (Source: Python's
/// difflib.SequenceMatcher without a junk function.)
std::vector<MatchingBlock> matching_blocks(const std::vector<int64_t>& a, const std::vector<int64_t>& b);

/// Marks of two sequences: where both differ between two matching blocks, the number of the phrase, from 1; else 0. What one
/// of them has and the other lacks altogether is not marked. (Source: get_diff_signs of videochat2/diff_lib.py.)
struct DifferenceMarks {
  std::vector<int64_t> a, b;
};
DifferenceMarks difference_marks(const std::vector<int64_t>& a, const std::vector<int64_t>& b);

}  // namespace rrpo::text
