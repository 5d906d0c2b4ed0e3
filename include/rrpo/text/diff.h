// Which words of two texts differ?
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "rrpo/text/tokenizer.h"

namespace rrpo::text {

/// Ranges of the words in which two texts differ (longest common subsequence; case and punctuation at the ends of words do
/// not count), neighbours joined. A word ends at white space; each character of Chinese and Japanese is a word of its own.
/// `from_a` and `from_b`: bytes before these are not compared. Of texts beyond 2,000 words all words differ.
struct WordDifference {
  std::vector<ByteRange> a, b;
  int64_t words_a = 0, words_b = 0;  ///< of the compared parts
  int64_t changed = 0;               ///< of both texts' words, those that differ

  /// The share of words that differ, 0 where there are none.
  double share() const;
};
WordDifference differing_words(std::string_view a, std::string_view b, int64_t from_a = 0, int64_t from_b = 0);

}  // namespace rrpo::text
