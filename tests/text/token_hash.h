// Hashes of many tokens, so that a golden file need not list them: FNV-1a over 64-bit numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "rrpo/text/tokenizer.h"

namespace rrpo::test {

class NumberHash {
 public:
  void add(int64_t number) { hash_ = (hash_ ^ static_cast<uint64_t>(number)) * 0x100000001b3ull; }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 0xcbf29ce484222325ull;
};

inline uint64_t hash_of_ids(const std::vector<text::Token>& tokens) {
  NumberHash hash;
  for (const text::Token& token : tokens) hash.add(token.id);
  return hash.value();
}

inline uint64_t hash_of_ranges(const std::vector<text::Token>& tokens) {
  NumberHash hash;
  for (const text::Token& token : tokens) {
    hash.add(token.bytes.begin);
    hash.add(token.bytes.end);
  }
  return hash.value();
}

}  // namespace rrpo::test
