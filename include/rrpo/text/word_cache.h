// Words that a tokenizer has met before and the pieces they fall into.
#pragma once

#include <cstdint>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace rrpo::text {

/// One token of a word and the bytes of the word that it covers.
struct Piece {
  int32_t id = 0;
  int32_t size = 0;
};
using Pieces = std::vector<Piece>;

/// Bounded, so that hostile text cannot fill the memory; safe to use from several threads.
class WordCache {
 public:
  /// The pieces of `word`: those kept from before, else `make(word)`. What does not fit is left in `scratch`: the result
  /// lives as long as the cache and until `scratch` changes.
  template <class Make>
  const Pieces& pieces(std::string_view word, Pieces& scratch, Make make) {
    const bool fits = word.size() <= kLongestWord;
    const Pieces* known = fits ? find(word) : nullptr;
    if (known == nullptr) {
      scratch = make(word);
      if (fits) keep(word, scratch);
    }
    return known == nullptr ? scratch : *known;
  }

 private:
  static constexpr size_t kWords = 1 << 16;
  static constexpr size_t kLongestWord = 64;
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view word) const { return std::hash<std::string_view>{}(word); }
  };
  const Pieces* find(std::string_view word) const;
  void keep(std::string_view word, const Pieces& pieces);

  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, Pieces, Hash, std::equal_to<>> words_;  ///< never erased from: its values stay in place
};

}  // namespace rrpo::text
