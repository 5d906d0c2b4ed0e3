// Between the planners of attention and the blocks made of their lists.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "plan.h"

namespace rrpo::model {

/// A segment that has rows, below the nearest one above it that has some.
struct Node {
  Range rows;
  Range queries;        ///< numbers of the query rows among its rows
  int64_t parent = -1;  ///< number of an earlier node, or -1
  int64_t depth = 0;
};
using Tree = std::vector<Node>;

/// Queries of some nodes over the rows of some nodes, all numbers ascending.
struct Entry {
  std::vector<int64_t> askers, asked;  ///< nodes
  int64_t queries = 0, keys = 0;       ///< how many
  int64_t depth = 0;                   ///< entries of depth 0 hold each query once
  bool causal = false;                 ///< see Block
};

/// Entries that become one block: of one depth and of equal size, or with padding of like size where they are not causal, so
/// that padding adds at most about a third.
std::vector<std::vector<Entry>> batch_entries(std::vector<Entry> entries, bool padding);

/// Tiles of all queries, in order. `queries` as in plan_attention.
std::vector<Tile> make_tiles(const Tree& tree, const std::vector<int64_t>& queries);

/// `queries` as in plan_attention. Throws Error(environment, "memory") where check_mask does.
Block make_block(const Tree& tree, const std::vector<Entry>& batch, const std::vector<int64_t>& queries,
                 const at::TensorOptions& options);

}  // namespace rrpo::model
