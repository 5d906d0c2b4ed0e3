// Rows that say the same thing behind the same rows, computed once.
#pragma once

#include <vector>

#include "rrpo/model/packed_rows.h"

namespace rrpo::model {

struct SharedRows {
  PackedRows rows;
  std::vector<int64_t> place;  ///< [T] of each given row among `rows`
};

/// Branches that begin alike get that beginning in common, as a segment of its own: two answers to a question mostly
/// differ from some word on, and what stands before it has one value. Segments that follow each other alone become one.
/// Trees stay apart: rows without a parent are nobody's. Visual rows are alike where they show the same token of the same
/// video. `next_position` of a segment that was cut is where its next row stood.
SharedRows share_rows(const PackedRows& rows);

/// False where RRPO_SHARED_ROWS=off; on, off and nothing are allowed: else Error(usage). Read once.
bool rows_are_shared();

}  // namespace rrpo::model
