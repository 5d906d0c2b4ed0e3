// The pieces of a sentencepiece BPE model that a text falls into.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "rrpo/text/added_tokens.h"
#include "rrpo/text/merge.h"
#include "rrpo/text/sentencepiece_model.h"

namespace rrpo::text {

/// Gives the sentencepiece library's pieces. Two neighbours merge when their texts together are a piece, the best score
/// first, of equal scores the leftmost; the pairs are worked out once, from every way in which a piece falls in two.
class PieceSegmenter {
 public:
  explicit PieceSegmenter(const SentencePieceModel& model);

  /// Pieces of a text as the model sees it: UTF-8, "▁" for spaces. What has no piece becomes the pieces of its bytes or,
  /// without byte fallback, one unknown piece.
  Pieces segment(std::string_view form) const;

 private:
  void read_merges(const SentencePieceModel& model);
  Pieces symbols(std::string_view form) const;

  int32_t vocabulary_;  ///< ids beyond stand for characters that are no pieces
  int32_t unknown_ = 0;
  bool byte_fallback_;
  std::array<int32_t, 256> byte_ids_{};
  std::unordered_map<int32_t, int32_t> characters_;  ///< code points that are pieces or parts of pieces
  AddedTokens user_defined_;                         ///< found before anything merges, and merged with nothing
  MergeTable merges_;
};

}  // namespace rrpo::text
