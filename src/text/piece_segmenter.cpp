#include "rrpo/text/piece_segmenter.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>

#include "rrpo/text/unicode.h"

namespace rrpo::text {
namespace {

/// A character that occurs in no piece.
constexpr int32_t kNoSymbol = std::numeric_limits<int32_t>::max();

struct Pair {
  int32_t left, right, merged;
};

/// Scores to ranks: 0 for the best one, the same for equal ones.
std::map<float, int32_t, std::greater<>> ranks_of(const SentencePieceModel& model) {
  std::map<float, int32_t, std::greater<>> ranks;
  for (const VocabularyPiece& piece : model.pieces) ranks.emplace(piece.score, 0);
  int32_t next = 0;
  for (auto& [score, rank] : ranks) rank = next++;
  return ranks;
}

}  // namespace

PieceSegmenter::PieceSegmenter(const SentencePieceModel& model)
    : vocabulary_(static_cast<int32_t>(model.pieces.size())), byte_fallback_(model.byte_fallback), merges_(0) {
  for (int32_t id = 0; id < vocabulary_; ++id) {
    const VocabularyPiece& piece = model.pieces[static_cast<size_t>(id)];
    if (piece.type == PieceType::unknown) unknown_ = id;
    if (piece.type == PieceType::byte) byte_ids_[static_cast<size_t>(byte_of(piece.text))] = id;
    if (piece.type == PieceType::user_defined) user_defined_.insert({id, piece.text, false, false});
  }
  user_defined_.sort();
  read_merges(model);
}

void PieceSegmenter::read_merges(const SentencePieceModel& model) {
  std::unordered_map<std::string_view, int32_t> ids;
  for (int32_t id = 0; id < vocabulary_; ++id) {
    const VocabularyPiece& piece = model.pieces[static_cast<size_t>(id)];
    if (piece.type == PieceType::normal) ids.emplace(piece.text, id);
  }
  int32_t beyond = vocabulary_;
  /// The piece of this text or, for any single character, a symbol of its own; -1 for what cannot come about.
  const auto symbol_of = [&](std::string_view text) {
    const auto piece = ids.find(text);
    const CodePoint point = code_point_at(text, 0);
    if (point.size < static_cast<int64_t>(text.size())) return piece == ids.end() ? -1 : piece->second;
    const auto [known, fresh] = characters_.emplace(point.value, piece == ids.end() ? beyond : piece->second);
    if (fresh && piece == ids.end()) ++beyond;
    return known->second;
  };
  std::vector<Pair> pairs;
  for (const auto& [text, id] : ids) {
    for (int64_t at = code_point_at(text, 0).size; at < static_cast<int64_t>(text.size());
         at += code_point_at(text, at).size) {
      const int32_t left = symbol_of(text.substr(0, static_cast<size_t>(at)));
      const int32_t right = symbol_of(text.substr(static_cast<size_t>(at)));
      if (left >= 0 && right >= 0) pairs.push_back({left, right, id});
    }
    symbol_of(text);
  }
  const auto ranks = ranks_of(model);
  merges_ = MergeTable(pairs.size());
  for (const Pair& pair : pairs)
    merges_.insert(pair.left, pair.right, {ranks.at(model.pieces[static_cast<size_t>(pair.merged)].score), pair.merged});
}

/// User-defined pieces and, between them, single characters.
Pieces PieceSegmenter::symbols(std::string_view form) const {
  Pieces out;
  const auto characters = [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end;) {
      const CodePoint point = code_point_at(form, at);
      const auto known = characters_.find(point.value);
      out.push_back({known == characters_.end() ? kNoSymbol : known->second, static_cast<int32_t>(point.size)});
      at += point.size;
    }
  };
  user_defined_.split(form, characters, [&](const AddedToken& token, int64_t) {
    out.push_back({static_cast<int32_t>(token.id), static_cast<int32_t>(token.text.size())});
  });
  return out;
}

Pieces PieceSegmenter::segment(std::string_view form) const {
  Pieces out;
  size_t at = 0;
  bool after_unknown = false;
  for (const Piece& piece : merge(symbols(form), merges_)) {
    const bool unknown = piece.id >= vocabulary_;
    if (!unknown) {
      out.push_back(piece);
    } else if (byte_fallback_) {
      for (const char byte : form.substr(at, static_cast<size_t>(piece.size)))
        out.push_back({byte_ids_[static_cast<unsigned char>(byte)], 1});
    } else if (after_unknown) {
      out.back().size += piece.size;
    } else {
      out.push_back({unknown_, piece.size});
    }
    after_unknown = unknown;
    at += static_cast<size_t>(piece.size);
  }
  return out;
}

}  // namespace rrpo::text
