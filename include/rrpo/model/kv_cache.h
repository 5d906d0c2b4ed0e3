// Keys and values kept for generation: prefixes that are read once, and the branches that grow out of them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "rrpo/model/lvlm.h"

namespace rrpo::model {

/// Keys and values of one layer. Prefix: [Hkv, P, d]. Branches: [K, capacity, Hkv, d].
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

/// A prefix and how many branches grow out of it.
struct Stem {
  const Prefix* prefix = nullptr;
  int64_t branches = 1;
};

struct GrowingDecoder;

/// K branches, each with its own length. They are counted stem by stem; the prefixes must outlive them.
struct Branches {
  std::vector<Stem> stems;
  std::vector<int64_t> lengths;  ///< [K] tokens so far
  std::vector<KeysValues> layers = {};
  std::shared_ptr<const GrowingDecoder> decoder = {};
};

/// Empty branches with room for `capacity` tokens each.
Branches open_branches(const Lvlm& lvlm, const std::vector<Stem>& stems, int64_t capacity);

/// Leaves the branches of these numbers, ascending; they are counted anew.
void keep_branches(Branches& branches, const std::vector<int64_t>& numbers);

/// Appends tokens[k] (any lengths, empty for a finished branch) to branch k and returns the final hidden state of each
/// branch's last new token, [K, D] (zeros for an empty one). Equal to `hidden` over the same tokens as packed rows. What
/// the branches of several stems share is the products over all new rows; each looks at its own prefix.
at::Tensor extend(const Lvlm& lvlm, Branches& branches, const std::vector<std::vector<int64_t>>& tokens);

/// The next ids [K] (int64, on the model's device) from the final hidden states [K, D] of the last ones.
using ChooseIds = std::function<at::Tensor(const at::Tensor& hidden)>;

/// Appends `count` > 0 tokens to every branch: `first` [K], then each time what `choose` makes of the hidden states. It is
/// called `count` times; its last ids are not appended. Everything but the ids is planned before the first token: a GPU goes
/// on from one to the next without a word from the host.
void grow(const Lvlm& lvlm, Branches& branches, const std::vector<int64_t>& first, int64_t count, const ChooseIds& choose);

}  // namespace rrpo::model
