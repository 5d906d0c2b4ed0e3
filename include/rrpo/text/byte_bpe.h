// Byte-level byte-pair encoding as Qwen2 uses it: NFC, the Qwen2 split, bytes to pieces, merges by rank.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rrpo/text/tokenizer.h"

namespace rrpo::text {

/// A token that is recognised as a whole wherever it stands.
struct AddedToken {
  int64_t id = 0;
  std::string text;
  bool special = false;     ///< left out when decoding with `skip_special`
  bool normalized = false;  ///< sought in the normalised text instead of the given one
};

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

class WordCache;

class ByteBpe : public Tokenizer {
 public:
  /// `place` (the file) names faults of the contents. Throws Error(input, "tokenizer"): ids negative, twice or absurdly
  /// large, a byte without a token, a merge of unknown tokens.
  ByteBpe(const BpeFiles& files, std::string_view place);
  ~ByteBpe() override;

  std::vector<Token> encode(std::string_view text) const override;
  std::string decode(const std::vector<int64_t>& ids, bool skip_special) const override;
  int64_t id_of(std::string_view token) const override;
  int64_t size() const override { return static_cast<int64_t>(entries_.size()); }

 private:
  struct Entry {
    std::string bytes;
    bool used = false, added = false, special = false;
  };
  struct Piece {
    int32_t id;
    int32_t size;  ///< bytes
  };
  /// Added tokens by their first byte, longest first.
  using Finder = std::array<std::vector<AddedToken>, 256>;

  void read_vocabulary(const BpeFiles& files, std::string_view place);
  void read_merges(const BpeFiles& files, std::string_view place);
  void read_added(const BpeFiles& files, std::string_view place);
  Entry& claim(int64_t id, std::string_view token, std::string_view place);

  static const AddedToken* find_added(const Finder& finder, std::string_view text, int64_t at);
  void encode_stretch(std::string_view text, int64_t offset, std::vector<Token>& out) const;
  std::vector<Piece> word_pieces(std::string_view word) const;
  std::vector<Piece> merge_bytes(std::string_view word) const;

  std::vector<Entry> entries_;
  std::unordered_map<std::string, int64_t> ids_;  ///< by the files' spelling
  std::array<int32_t, 256> byte_ids_{};
  MergeTable merges_;
  Finder literal_, normalized_;
  bool any_normalized_ = false;
  bool nfc_;
  std::unique_ptr<WordCache> cache_;

  friend class WordCache;
};

/// The character that stands for a byte in a vocabulary file, as UTF-8 (GPT-2's table).
const std::string& byte_symbol(unsigned char byte);

}  // namespace rrpo::text
