// Which rows attend to which: the segment tree as blocks for a kernel of ATen, or as tiles for ours.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "rrpo/model/packed_rows.h"
#include "score_rows.h"

namespace rrpo::model {

/// What a block takes of the queries or of the keys: B times `length` rows that stand one after the other, or a list of them
/// where they stand apart or are padded.
struct Side {
  int64_t begin = 0;   ///< the rows [begin, begin + B * length), unless there is an index
  int64_t length = 0;  ///< of each of the B, with padding
  at::Tensor index;    ///< [B * length] rows; padding repeats the last row of its part
  at::Tensor real;     ///< [n] places in `index` that are no padding; undefined: all of them
  at::Tensor row;      ///< [n] the rows at these places; as `index` where there is no padding
};

/// B queries-and-keys of one shape, each for itself: one call of the kernel.
struct Block {
  int64_t count = 1;    ///< B
  Side queries;         ///< of the query rows, by their number
  Side keys;            ///< of all rows
  bool causal = false;  ///< the queries are the rows of the keys, each looks at those up to itself
  bool first = true;    ///< its queries stand in no earlier block
  at::Tensor mask;      ///< [B, 1, Lq, Lk], 0 or -inf in the activation type's accumulator; undefined: nothing is hidden
};

/// Some queries that stand one after the other, over all rows that any of them looks at.
struct Tile {
  Range queries;               ///< by their number
  std::vector<Range> keys;     ///< of all rows, ascending and apart: end to end they are the tile's columns
  int64_t columns = 0;         ///< how many
  std::vector<Range> seen;     ///< columns: what query i looks at is [first[i], first[i + 1]) of these
  std::vector<int64_t> first;  ///< one more than queries

  Seen seen_by(int64_t i) const {
    const auto at = static_cast<size_t>(i);
    return {seen.data() + first[at], first[at + 1] - first[at]};
  }
};

/// The blocks of one pass, or its tiles. When `merged` a query row stands in several blocks, one per ancestor, the `first`
/// of which hold each row once; else it stands in one.
struct AttentionPlan {
  int64_t query_rows = 0, rows = 0;
  bool merged = false;
  std::vector<Block> blocks;
  std::vector<Tile> tiles;  ///< in their place; each query row stands in one
  at::Tensor
      place;  ///< not merged: [Tq] where each query row stands in the blocks' queries, end to end; undefined: in order
};

/// Throws Error(environment, "memory") for a mask of more than 4 GB: lengths that no memory was meant for.
void check_mask(int64_t count, int64_t queries, int64_t keys, int64_t element_bytes);

/// How attention is computed: `dense` gathers each tree into one masked block, `merged` joins one block per ancestor by
/// their log-sum-exp, of long segments two, `split` does so with two blocks per segment, its own rows (causal) and those
/// below it (all keys): without masks, which not every fused kernel takes, and without padding. `tiled` takes a few queries
/// at a time over just what they look at, by products of our own choosing: where attends_in_tiles().
enum class Attention { dense, merged, split, tiled };

/// `queries` are the rows (ascending, each once) whose attention is wanted; for `split` a segment's rows all or none.
std::shared_ptr<const AttentionPlan> plan_attention(const PackedRows& rows, const std::vector<int64_t>& queries,
                                                    Attention kind, const at::TensorOptions& options);
/// Tiles of pictures of `rows` rows each, of which each looks at all of its picture.
std::shared_ptr<const AttentionPlan> plan_pictures(int64_t pictures, int64_t rows);

}  // namespace rrpo::model
