// BERT's tokenizer, for an eye that reads what is asked: lower-cased WordPiece from a `vocab.txt`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rrpo/text/added_tokens.h"

namespace rrpo::text {

/// Gives the ids of transformers' BertTokenizer with `do_lower_case`: characters that nobody sees are left out, accents are
/// stripped, punctuation and Chinese characters stand alone, and of each word the longest known piece is taken from the left
/// (`##` marks one that goes on). `[CLS]`, `[SEP]`, `[PAD]`, `[MASK]`, `[UNK]` and `added` are recognised in a text.
class WordPiece {
 public:
  /// One token a line; its number from 0 is its id, and `added` follow. Throws Error(input, "tokenizer") for a file that is
  /// missing or beyond 64 MiB, that lists a token twice, and for one without `[UNK]`, `[CLS]` or `[SEP]`.
  explicit WordPiece(const std::filesystem::path& vocabulary, const std::vector<std::string>& added = {"[DEC]"});

  /// `[CLS]`, the text, `[SEP]`: at most `most` >= 2 ids in all, of which the text's first ones are left out.
  std::vector<int64_t> encode_for_eye(std::string_view text, int64_t most) const;
  /// Only the text, all of it.
  std::vector<int64_t> encode(std::string_view text) const;
  /// Id of one token by its exact text, or -1.
  int64_t id_of(std::string_view token) const;
  /// Number of ids: one more than the largest.
  int64_t size() const { return size_; }

 private:
  void encode_word(std::string_view word, std::vector<int64_t>& out) const;

  std::unordered_map<std::string, int64_t> ids_;
  AddedTokens special_;
  int64_t size_ = 0, unknown_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace rrpo::text
