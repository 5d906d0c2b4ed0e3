// Tokens that are recognised as a whole wherever they stand in a text.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rrpo::text {

struct AddedToken {
  int64_t id = 0;
  std::string text;
  bool special = false;     ///< left out when decoding with `skip_special`
  bool normalized = false;  ///< sought in the normalised text instead of the given one
};

/// Finds added tokens, the longest that fits at the leftmost place.
class AddedTokens {
 public:
  /// Call `sort` after the last one.
  void insert(const AddedToken& token);
  void sort();
  bool empty() const { return count_ == 0; }

  /// Calls `stretch(begin, end)` for each non-empty part of `text` between tokens and `found(token, begin)` for each token,
  /// in the order of the text.
  template <class Stretch, class Found>
  void split(std::string_view text, Stretch stretch, Found found) const {
    const int64_t size = static_cast<int64_t>(text.size());
    int64_t begin = 0;
    for (int64_t at = 0; count_ > 0 && at < size;) {
      const AddedToken* token = find(text, at);
      if (token == nullptr) {
        ++at;
        continue;
      }
      if (at > begin) stretch(begin, at);
      found(*token, at);
      begin = at += static_cast<int64_t>(token->text.size());
    }
    if (size > begin) stretch(begin, size);
  }

 private:
  const AddedToken* find(std::string_view text, int64_t at) const;
  std::array<std::vector<AddedToken>, 256> by_first_byte_;  ///< longest first
  int64_t count_ = 0;
};

}  // namespace rrpo::text
