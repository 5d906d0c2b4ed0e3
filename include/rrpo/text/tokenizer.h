// Text to token ids and back; every token knows the bytes it came from.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rrpo::text {

/// Half-open byte range [begin, end) of a UTF-8 text.
struct ByteRange {
  int64_t begin = 0;
  int64_t end = 0;
  bool operator==(const ByteRange&) const = default;
};

/// One token and the bytes of the given text (before any normalisation) that it stands for.
struct Token {
  int64_t id = 0;
  ByteRange bytes;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Tokens of `text`; added and special tokens in it are recognised, nothing is put before or after.
  virtual std::vector<Token> encode(std::string_view text) const = 0;
  /// Text of `ids`; special tokens are left out when `skip_special`. Bytes that are no UTF-8 become U+FFFD.
  virtual std::string decode(const std::vector<int64_t>& ids, bool skip_special = true) const = 0;
  /// Id of one token by its exact text (`<|im_end|>`), or -1.
  virtual int64_t id_of(std::string_view token) const = 0;
  /// Number of ids: one more than the largest.
  virtual int64_t size() const = 0;
};

/// The tokenizer of a Hugging Face checkpoint folder, from the first of: `tokenizer.json` (byte-level BPE), `vocab.json`
/// with `merges.txt` (the same), `tokenizer.model` (sentencepiece BPE). A tokenizer.json made of a sentencepiece model steps
/// back behind the tokenizer.model beside it, which is the original. `tokenizer_config.json` and `added_tokens.json` add
/// tokens. Throws Error(input).
std::unique_ptr<Tokenizer> open_tokenizer(const std::filesystem::path& folder);

/// Only the ids of `encode`.
std::vector<int64_t> encode_ids(const Tokenizer& tokenizer, std::string_view text);

}  // namespace rrpo::text
