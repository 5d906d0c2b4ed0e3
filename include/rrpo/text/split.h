// The split pattern of Qwen2's tokenizer, scanned by hand: no regular expression runs over untrusted text.
#pragma once

#include <string_view>
#include <vector>

#include "rrpo/text/tokenizer.h"

namespace rrpo::text {

/// The pattern as tokenizer files write it; `split_qwen2` finds the matches of this one and no other.
inline constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// The successive matches of `kQwen2Pattern`, which cover the text. Bytes that are no UTF-8 count as punctuation.
std::vector<ByteRange> split_qwen2(std::string_view text);

}  // namespace rrpo::text
