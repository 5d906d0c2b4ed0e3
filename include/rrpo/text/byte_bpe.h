// Byte-level byte-pair encoding as Qwen2 uses it: NFC, the Qwen2 split, bytes to pieces, merges by rank.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rrpo/text/added_tokens.h"
#include "rrpo/text/tokenizer.h"
#include "rrpo/text/word_cache.h"

namespace rrpo::text {

/// What a tokenizer's files say, in their own spelling (bytes written as GPT-2's printable characters).
struct BpeFiles {
  std::vector<std::pair<std::string, int64_t>> vocabulary;
  std::vector<std::pair<std::string, std::string>> merges;  ///< best first
  std::vector<AddedToken> added;
  bool nfc = true;
};

/// Pairs of ids and what they merge into: open addressing, one cache line a look-up.
class MergeTable {
 public:
  struct Merge {
    int32_t rank = -1;  ///< -1: the pair does not merge
    int32_t id = 0;
  };
  explicit MergeTable(size_t count);
  /// A pair given again takes the later entry, as in the `tokenizers` library.
  void insert(int32_t left, int32_t right, Merge merge);
  Merge find(int32_t left, int32_t right) const;

 private:
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge;
  };
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  size_t place(uint64_t key) const;
  std::vector<Slot> slots_;
};

class ByteBpe : public Tokenizer {
 public:
  /// `place` (the file) names faults of the contents. Throws Error(input, "tokenizer"): ids negative, twice or absurdly
  /// large, a byte without a token, a merge of unknown tokens.
  ByteBpe(const BpeFiles& files, std::string_view place);

  std::vector<Token> encode(std::string_view text) const override;
  std::string decode(const std::vector<int64_t>& ids, bool skip_special) const override;
  int64_t id_of(std::string_view token) const override;
  int64_t size() const override { return static_cast<int64_t>(entries_.size()); }

 private:
  struct Entry {
    std::string bytes;
    bool used = false, added = false, special = false;
  };

  void read_vocabulary(const BpeFiles& files, std::string_view place);
  void read_merges(const BpeFiles& files, std::string_view place);
  void read_added(const BpeFiles& files, std::string_view place);
  Entry& claim(int64_t id, std::string_view token, std::string_view place);

  void encode_stretch(std::string_view text, int64_t offset, std::vector<Token>& out) const;
  Pieces merge_bytes(std::string_view word) const;

  std::vector<Entry> entries_;
  std::unordered_map<std::string, int64_t> ids_;  ///< by the files' spelling
  std::array<int32_t, 256> byte_ids_{};
  MergeTable merges_;
  AddedTokens literal_, normalized_;
  bool nfc_;
  mutable WordCache words_;
};

/// The character that stands for a byte in a vocabulary file, as UTF-8 (GPT-2's table).
const std::string& byte_symbol(unsigned char byte);

}  // namespace rrpo::text
