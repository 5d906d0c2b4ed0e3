// A micro-batch: videos once, questions and answers as branches, and the label of every read row.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "rrpo/data/dataset.h"
#include "rrpo/data/media.h"
#include "rrpo/data/order.h"
#include "rrpo/model/packed_rows.h"

namespace rrpo::data {

/// The pictures of one video: pixels to encode, or the visual tokens a cache had.
struct Clip {
  int64_t video = 0;    ///< number in the dataset
  TowerInput input;     ///< its pixels are undefined when `visual` is given
  at::Tensor visual;    ///< [N, D], CPU
  uint64_t frames = 0;  ///< hash64 of the bytes that were decoded, where `visual` is not given
  std::string files{};  ///< hash of the content of its files; empty where nobody asks for it
};

/// Letters: P pairs, T rows, M read rows. All tensors on the CPU.
struct PairBatch {
  MicroBatch place;              ///< its `rows` are the P dataset rows
  std::vector<std::string> ids;  ///< [P]
  std::vector<Clip> clips;
  model::PackedRows rows;
  at::Tensor labels;                ///< [M] int64
  at::Tensor phrase;                ///< [M] int64, 0 outside any marked phrase
  at::Tensor answer;                ///< [M] int64: 0..P-1 chosen, P..2P-1 rejected
  at::Tensor weight;                ///< [P] float64
  std::vector<SkippedRow> skipped;  ///< rows of this micro-batch whose media cannot be read
  int64_t pairs() const { return static_cast<int64_t>(ids.size()); }
  int64_t tokens() const { return labels.defined() ? labels.numel() : 0; }
};

/// Packs `place.rows` of the dataset; `clips` are their videos and `visual_tokens[c]` the number of tokens of clip c.
/// Rows of one video share its prefix. Throws Error(internal) for a row whose video is not among the clips.
PairBatch pack_pairs(const Dataset& dataset, const MicroBatch& place, std::vector<Clip> clips,
                     const std::vector<int64_t>& visual_tokens);

}  // namespace rrpo::data
