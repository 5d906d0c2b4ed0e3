// Which words of two sentences differ?
#include <algorithm>

#include "rrpo/gen/rewrite.h"
#include "rrpo/text/unicode.h"

namespace rrpo::gen {

namespace {

/// A word without the punctuation and quotes around it, and its folded form for comparing.
struct Word {
  text::ByteRange range;
  std::string folded;
};

std::vector<Word> words_of(std::string_view text, int64_t from) {
  constexpr std::string_view kBlank = " \t\r\n", kBefore = "\"'", kAfter = "\"'.,;:!?";
  std::vector<Word> words;
  for (size_t begin = static_cast<size_t>(from);
       (begin = text.find_first_not_of(kBlank, begin)) != std::string_view::npos;) {
    size_t end = std::min(text.find_first_of(kBlank, begin), text.size());
    const size_t next = end;
    while (end > begin + 1 && kAfter.find(text[end - 1]) != std::string_view::npos) --end;
    while (begin + 1 < end && kBefore.find(text[begin]) != std::string_view::npos) ++begin;
    words.push_back(
        {{static_cast<int64_t>(begin), static_cast<int64_t>(end)}, text::fold_case(text.substr(begin, end - begin))});
    begin = next;
  }
  return words;
}

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

std::vector<text::ByteRange> joined(const std::vector<Word>& words, const std::vector<bool>& common) {
  std::vector<text::ByteRange> ranges;
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

WordDifference differing_words(std::string_view a, std::string_view b, int64_t from_a, int64_t from_b) {
  constexpr size_t kLongest = 2000;  // words; the table of longer texts would need too much memory
  const std::vector<Word> left = words_of(a, from_a), right = words_of(b, from_b);
  if (left.size() > kLongest || right.size() > kLongest) {
    return {joined(left, std::vector<bool>(left.size())), joined(right, std::vector<bool>(right.size()))};
  }
  const Common common = common_words(left, right);
  return {joined(left, common.a), joined(right, common.b)};
}

}  // namespace rrpo::gen
