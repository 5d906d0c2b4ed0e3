#include "rrpo/text/diff.h"

#include <algorithm>
#include <string>

#include "rrpo/text/unicode.h"

namespace rrpo::text {

namespace {

/// A word without the punctuation and quotes around it, and its folded form for comparing.
struct Word {
  ByteRange range;
  std::string folded;
};

/// Written without spaces between words.
bool is_word_of_its_own(int32_t c) {
  return (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x4E00 && c <= 0x9FFF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

/// Stands between words without belonging to one: white space, and the punctuation of Chinese and Japanese.
bool parts_words(int32_t c) {
  const bool full_width = (c >= 0x3000 && c <= 0x3020) || (c >= 0xFF01 && c <= 0xFF0F) || (c >= 0xFF1A && c <= 0xFF20) ||
                          (c >= 0xFF3B && c <= 0xFF40) || (c >= 0xFF5B && c <= 0xFF65);
  return full_width || char_class(c) == CharClass::space;
}

class WordReader {
 public:
  explicit WordReader(std::string_view text) : text_(text) {}

  std::vector<Word> read(int64_t from) {
    begin_ = from;
    for (int64_t at = from; at < static_cast<int64_t>(text_.size());) {
      const CodePoint point = code_point_at(text_, at);
      const bool alone = is_word_of_its_own(point.value);
      if (alone || parts_words(point.value)) {
        end_word(at);
        if (alone) add({at, at + point.size});
        begin_ = at + point.size;
      }
      at += point.size;
    }
    end_word(static_cast<int64_t>(text_.size()));
    return std::move(words_);
  }

 private:
  std::string_view slice(const ByteRange& range) const {
    return text_.substr(static_cast<size_t>(range.begin), static_cast<size_t>(range.end - range.begin));
  }
  void add(const ByteRange& range) { words_.push_back({range, fold_case(slice(range))}); }

  /// The word that ends at `end`, if there is one.
  void end_word(int64_t end) {
    constexpr std::string_view kBefore = "\"'", kAfter = "\"'.,;:!?";
    if (begin_ >= end) return;
    const auto in = [&](std::string_view set, int64_t at) {
      return set.find(text_[static_cast<size_t>(at)]) != std::string_view::npos;
    };
    while (end > begin_ + 1 && in(kAfter, end - 1)) --end;
    while (begin_ + 1 < end && in(kBefore, begin_)) ++begin_;
    add({begin_, end});
  }

  std::string_view text_;
  std::vector<Word> words_;
  int64_t begin_ = 0;
};

/// For each word, whether it belongs to the longest common subsequence.
struct Common {
  std::vector<bool> a, b;
};

Common common_words(const std::vector<Word>& a, const std::vector<Word>& b) {
  Common common{std::vector<bool>(a.size()), std::vector<bool>(b.size())};
  const size_t columns = b.size() + 1;
  std::vector<int32_t> best((a.size() + 1) * columns);  // of the ends a[i…], b[j…]
  for (size_t i = a.size(); i-- > 0;) {
    for (size_t j = b.size(); j-- > 0;) {
      best[i * columns + j] = a[i].folded == b[j].folded ? best[(i + 1) * columns + j + 1] + 1
                                                         : std::max(best[(i + 1) * columns + j], best[i * columns + j + 1]);
    }
  }
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i].folded == b[j].folded) {
      common.a[i++] = common.b[j++] = true;
    } else if (best[(i + 1) * columns + j] >= best[i * columns + j + 1]) {
      ++i;
    } else {
      ++j;
    }
  }
  return common;
}

std::vector<ByteRange> joined(const std::vector<Word>& words, const std::vector<bool>& common) {
  std::vector<ByteRange> ranges;
  for (size_t i = 0; i < words.size(); ++i) {
    if (common[i]) continue;
    if (i > 0 && !common[i - 1]) {
      ranges.back().end = words[i].range.end;
    } else {
      ranges.push_back(words[i].range);
    }
  }
  return ranges;
}

}  // namespace

double WordDifference::share() const {
  const int64_t all = words_a + words_b;
  return all == 0 ? 0 : static_cast<double>(changed) / static_cast<double>(all);
}

WordDifference differing_words(std::string_view a, std::string_view b, int64_t from_a, int64_t from_b) {
  constexpr size_t kLongest = 2000;  // words; the table of longer texts would need too much memory
  const std::vector<Word> left = WordReader(a).read(from_a), right = WordReader(b).read(from_b);
  const bool long_texts = left.size() > kLongest || right.size() > kLongest;
  const Common common =
      long_texts ? Common{std::vector<bool>(left.size()), std::vector<bool>(right.size())} : common_words(left, right);
  const auto changed =
      std::count(common.a.begin(), common.a.end(), false) + std::count(common.b.begin(), common.b.end(), false);
  return {joined(left, common.a), joined(right, common.b), static_cast<int64_t>(left.size()),
          static_cast<int64_t>(right.size()), static_cast<int64_t>(changed)};
}

}  // namespace rrpo::text
