// A micro-batch: what the loader hands over, and the rows that it becomes once its clips are encoded.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "rrpo/data/control.h"
#include "rrpo/data/dataset.h"
#include "rrpo/data/media.h"
#include "rrpo/data/order.h"
#include "rrpo/model/packed_rows.h"
#include "rrpo/model/vision.h"

namespace rrpo::data {

/// The pictures of one video: pixels to encode, or the visual tokens that a cache had.
struct Clip {
  int64_t video = 0;           ///< number in the dataset
  model::ClipInput input;      ///< without pixels where nobody needs them
  model::VisualTokens visual;  ///< on the CPU; undefined where no cache had them
  uint64_t frames = 0;         ///< hash64 of the bytes that were decoded; 0 where none were
  std::string files{};         ///< hash of the content of its files; empty where nobody asks for it

  bool there() const { return visual.defined() || !input.pixels.empty(); }
};

/// The clips of a batch under a control.
struct ControlledClips {
  Control control;
  uint64_t seed = 0;  ///< of its choices
  /// One in the place of each clip of the batch: a row's own after the control, and none (Clip::there) for a clip that is
  /// nobody's own or that the control leaves as it is.
  std::vector<Clip> clips = {};
};

/// P pairs and the clips that they show.
struct PairBatch {
  MicroBatch place;              ///< its `rows` are the P dataset rows
  std::vector<std::string> ids;  ///< [P]
  std::vector<Clip> clips;
  std::vector<SkippedRow> skipped;             ///< rows of this micro-batch whose media cannot be read
  std::vector<ControlledClips> controls = {};  ///< by control of the loader
  int64_t pairs() const { return static_cast<int64_t>(ids.size()); }
};

/// A clip as a prompt shows it: its runs of visual tokens, each behind its words.
struct ShownClip {
  std::vector<std::vector<int64_t>> leads;
  std::vector<model::VisualRun> runs;
  int64_t video = 0;  ///< number in the dataset

  int64_t words() const;
  int64_t visual_tokens() const;
  int64_t rows() const { return words() + visual_tokens(); }
};

/// A micro-batch as rows: videos once, questions and answers as branches, and the label of every read row. Letters: P pairs,
/// R roles, T rows, M read rows. All tensors on the CPU.
struct PackedPairs {
  model::PackedRows rows;
  at::Tensor labels;  ///< [M] int64
  at::Tensor phrase;  ///< [M] int64, 0 outside any marked phrase
  at::Tensor answer;  ///< [M] int64: those of roles[r] are r P … (r + 1) P - 1
  at::Tensor weight;  ///< [P] float64
  std::vector<Role> roles = {};
};

/// Packs the roles of the dataset rows `numbers` about `clips`, whose order is that of the videos in PackedPairs::rows. Rows
/// of one video share its prefix; a clip that no role shows takes no row. Read rows stand by the number of their answer.
/// With `to_reference`, about the clips that the reference is shown: the same labels in the same order. Throws
/// Error(internal) for a row whose video is not among the clips.
PackedPairs pack_pairs(const Dataset& dataset, const std::vector<int64_t>& numbers, const std::vector<ShownClip>& clips,
                       bool to_reference = false);

}  // namespace rrpo::data
