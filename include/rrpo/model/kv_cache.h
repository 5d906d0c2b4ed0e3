// Keys and values kept for generation: one prefix shared by K growing branches.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "rrpo/model/lvlm.h"

namespace rrpo::model {

/// Keys and values of one layer. Prefix: [Hkv, P, d]. Branches: [K, Hkv, capacity, d].
struct KeysValues {
  at::Tensor k, v;
};

/// A prefix that has been through the decoder once.
struct Prefix {
  std::vector<KeysValues> layers;
  int64_t length = 0;
  int64_t next_position = 0;  ///< where its branches begin
};

/// Runs the decoder over the one segment of `rows` and keeps keys and values only.
Prefix prefill(const Lvlm& lvlm, const PackedRows& rows, const std::vector<VisualTokens>& visual);

/// K branches over one prefix, each with its own length.
struct Branches {
  std::vector<KeysValues> layers;
  std::vector<int64_t> lengths;  ///< [K] tokens so far
};
/// K empty branches with room for `capacity` tokens each.
Branches open_branches(const Lvlm& lvlm, const Prefix& prefix, int64_t count, int64_t capacity);

/// Appends tokens[k] (any lengths, empty for a finished branch) to branch k and returns the final hidden state of each
/// branch's last new token, [K, D] (zeros for an empty one). Equal to `hidden` over the same tokens as packed rows.
at::Tensor extend(const Lvlm& lvlm, const Prefix& prefix, Branches& branches,
                  const std::vector<std::vector<int64_t>>& tokens);

}  // namespace rrpo::model
