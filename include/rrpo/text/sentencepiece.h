// Mistral's and LLaMA's tokenizer: sentencepiece BPE from a `tokenizer.model`, with the byte range of every token.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rrpo/text/added_tokens.h"
#include "rrpo/text/sentencepiece_model.h"
#include "rrpo/text/tokenizer.h"
#include "rrpo/text/word_cache.h"

namespace rrpo::text {

/// What a folder says of a sentencepiece tokenizer.
struct SentencePieceFiles {
  SentencePieceModel model;
  std::vector<AddedToken> added;  ///< beside the control and unknown pieces, which are always recognised
  /// True: each stretch of text between added tokens gets the dummy prefix, as transformers' LlamaTokenizer does it with
  /// `legacy`. False: only a stretch at the very beginning.
  bool prefix_everywhere = true;
};

/// Gives the ids of the sentencepiece library for plain text. Ranges: a "▁" is the space that it stands for, the dummy
/// prefix has no byte (a token of it alone is the empty range at the beginning of its stretch), a byte piece is its byte.
class SentencePiece : public Tokenizer {
 public:
  /// `place` (the file) names faults. Throws Error(input, "tokenizer"): an added token that is empty, listed twice or has
  /// the id of another token.
  SentencePiece(const SentencePieceFiles& files, std::string_view place);
  ~SentencePiece() override;

  std::vector<Token> encode(std::string_view text) const override;
  /// Without the one space that the dummy prefix put before the text; each byte that is no UTF-8 becomes U+FFFD.
  std::string decode(const std::vector<int64_t>& ids, bool skip_special) const override;
  int64_t id_of(std::string_view token) const override;
  int64_t size() const override { return static_cast<int64_t>(entries_.size()); }

 private:
  struct Entry {
    std::string bytes;
    bool used = false, added = false, special = false, byte = false;
  };
  struct Library;

  void read_pieces(const SentencePieceModel& model);
  void read_added(const std::vector<AddedToken>& added, std::string_view place);
  void encode_stretch(std::string_view text, int64_t offset, bool prefix, std::vector<Token>& out) const;
  Pieces segment(std::string_view word) const;

  std::vector<Entry> entries_;
  std::unordered_map<std::string, int64_t> ids_;
  AddedTokens added_;
  std::unique_ptr<Library> library_;
  bool dummy_prefix_, prefix_everywhere_;
  bool words_apart_ = false;  ///< no piece goes on behind a word: words can be segmented one by one
  mutable WordCache words_;
};

}  // namespace rrpo::text
