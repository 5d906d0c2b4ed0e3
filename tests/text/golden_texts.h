// What the golden files of scripts/oracles/tokenizer.py share: ranges as JSON, long texts made by a formula, hashes of
// tokens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/text/tokenizer.h"
#include "rrpo/text/unicode.h"
#include "rrpo/util/json_file.h"
#include "text/token_hash.h"

namespace rrpo::test {

/// The range widened to whole characters: the unit in which `tokenizers` counts.
inline text::ByteRange widened(std::string_view text, text::ByteRange range) {
  while (!text::is_char_border(text, range.begin)) --range.begin;
  while (!text::is_char_border(text, range.end)) ++range.end;
  return range;
}

inline std::vector<text::Token> widened(std::string_view text, std::vector<text::Token> tokens) {
  for (text::Token& token : tokens) token.bytes = widened(text, token.bytes);
  return tokens;
}

inline std::vector<text::ByteRange> ranges_of(const Json& json) {
  std::vector<text::ByteRange> out;
  for (const Json& range : json) out.push_back({range[0].get<int64_t>(), range[1].get<int64_t>()});
  return out;
}

inline std::vector<int64_t> ids_of(const std::vector<text::Token>& tokens) {
  std::vector<int64_t> ids;
  for (const text::Token& token : tokens) ids.push_back(token.id);
  return ids;
}

/// `mixed.parts` drawn by a 64-bit linear congruential generator, at least `mixed.bytes` bytes.
inline std::string mixed_text(const Json& mixed) {
  const auto parts = mixed["parts"].get<std::vector<std::string>>();
  auto state = mixed["seed"].get<uint64_t>();
  std::string text;
  while (text.size() < mixed["bytes"].get<size_t>()) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    text += parts[(state >> 33) % parts.size()];
  }
  return text;
}

}  // namespace rrpo::test
