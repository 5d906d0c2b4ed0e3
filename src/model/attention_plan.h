// Which rows attend to which: the segment tree as a few batches of equal shape.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "rrpo/model/packed_rows.h"

namespace rrpo::model {

/// A batch of B independent (queries, keys) blocks, padded to Lq and Lk. Padded queries repeat a real one of their block,
/// padded keys are masked.
struct Block {
  int64_t count = 0, queries = 0, keys = 0;  ///< B, Lq, Lk
  at::Tensor query_index;                    ///< [B * Lq] numbers of query rows; undefined: all query rows as they stand
  at::Tensor key_index;                      ///< [B * Lk] rows; undefined: all rows as they stand
  at::Tensor query_slot;                     ///< [n] where the n real queries stand in B * Lq; undefined with query_index
  at::Tensor query_row;                      ///< [n] their query rows; undefined: all, in order
  at::Tensor key_slot, key_row;              ///< the same for keys
  at::Tensor pad;                            ///< [B, Lq, 1, 1] bool, true for padded queries; undefined: none
  bool first = true;                         ///< its queries stand in no earlier block
  bool causal = false;                       ///< its queries are its keys' rows, each looks at those up to itself; no mask
  at::Tensor mask;                           ///< [B, 1, Lq, Lk], 0 or -inf in the activation type's accumulator; or none
};

/// The blocks of one pass. A query row's attention is spread over several blocks (one per ancestor) when `merged`; else each
/// row stands in exactly one.
struct AttentionPlan {
  int64_t query_rows = 0, rows = 0;
  bool merged = false;
  std::vector<Block> blocks;
};

/// Throws Error(environment, "memory") for a mask of more than 4 GB: lengths that no memory was meant for.
void check_mask(int64_t count, int64_t queries, int64_t keys, int64_t element_bytes);

/// How attention is computed: `dense` gathers each tree into one masked block, `merged` joins one block per ancestor by
/// their log-sum-exp, `split` does so with two blocks per segment, its own rows (causal) and those below it (all keys):
/// without masks, which not every fused kernel takes, and without padding.
enum class Attention { dense, merged, split };

/// `queries` are the rows (ascending, each once) whose attention is wanted; for `split` a segment's rows all or none.
std::shared_ptr<const AttentionPlan> plan_attention(const PackedRows& rows, const std::vector<int64_t>& queries,
                                                    Attention kind, const at::TensorOptions& options);

}  // namespace rrpo::model
