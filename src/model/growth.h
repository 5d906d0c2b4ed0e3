// One call's new rows of growing branches: where they are kept, and what they look at.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "layers.h"
#include "rrpo/model/kv_cache.h"
#include "rrpo/model/weights.h"

namespace rrpo::model {

/// What the branches of one opening share.
struct GrowingDecoder {
  Decoder decoder;   ///< the model's, its adapter in the type of the products
  Rotary angles;     ///< [stems * capacity, 1, d/2] of every place in a branch
  int64_t capacity;  ///< tokens of a branch at most
  at::ScalarType type;
  at::Device device;
};

/// New rows of one stem. All of them look at all of its prefix.
struct PrefixPart {
  const Prefix* prefix;
  int64_t row, rows;
};

/// New rows of neighbouring branches. Each looks at what its branch holds, up to itself.
struct OwnPart {
  int64_t branch, branches;
  int64_t row, rows;
  int64_t longest;    ///< L: new rows of the branch with the most; the others are padded to as many
  int64_t reach;      ///< S: tokens of the longest branch, the new ones included
  at::Tensor mask;    ///< [B, 1, L, S], added to scores; undefined: every row looks at S tokens
  at::Tensor padded;  ///< [B * L] the new row that stands there (any, where there is none); undefined: they are the rows
  at::Tensor real;    ///< [rows] place of a new row in [B * L]; undefined likewise
};

/// New rows of all branches, packed branch by branch.
struct Growth {
  std::vector<int64_t> counts;  ///< [K] new rows of each branch
  int64_t rows = 0;
  Rotary angles = {};     ///< [rows, 1, d/2]
  at::Tensor place = {};  ///< [rows] where a row is kept in [K * capacity]; undefined: from `slot` of each branch on
  int64_t slot = 0;       ///< as many rows in each
  std::vector<int64_t> growing = {};  ///< numbers of the branches with new rows
  at::Tensor last = {};               ///< [growing] their last new rows; undefined: all rows
  std::vector<PrefixPart> prefixes = {};
  std::vector<OwnPart> own = {};
};

/// The plan for branches of these lengths, each growing by counts[k]. Neighbours of equal length that grow by one token need
/// no mask: where that makes up to `most_parts` parts, it is what is planned; else one part with a mask.
Growth plan_growth(const Branches& branches, const std::vector<int64_t>& lengths, const std::vector<int64_t>& counts,
                   int64_t most_parts);

/// Keeps new keys and values [rows, Hkv, d] of a layer.
void store(const KeysValues& layer, const Growth& growth, const at::Tensor& k, const at::Tensor& v);

/// Attention of new rows q [rows, H, d] over the prefixes (`layer` is the number) and over what the branches hold:
/// [rows, H * d].
at::Tensor attend_new(const at::Tensor& q, const Growth& growth, const KeysValues& own, size_t layer);

}  // namespace rrpo::model
