// Byte-pair encoding of one word: neighbours merge, the best pair first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rrpo/text/word_cache.h"

namespace rrpo::text {

/// Pairs of ids and what they merge into: open addressing, one cache line a look-up.
class MergeTable {
 public:
  struct Merge {
    int32_t rank = -1;  ///< the smaller the earlier; -1: the pair does not merge
    int32_t id = 0;
  };
  explicit MergeTable(size_t count);
  /// A pair given again takes the later entry, as in the `tokenizers` library. Ids are not negative.
  void insert(int32_t left, int32_t right, Merge merge);
  Merge find(int32_t left, int32_t right) const;

 private:
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge;
  };
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  size_t place(uint64_t key) const;
  std::vector<Slot> slots_;
};

/// Merges neighbours until no pair merges: the smallest rank first, of equal ranks the leftmost. n log n.
Pieces merge(const Pieces& pieces, const MergeTable& merges);

}  // namespace rrpo::text
