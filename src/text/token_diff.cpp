#include "rrpo/text/token_diff.h"

#include <algorithm>
#include <map>

namespace rrpo::text {
namespace {

/// Parts of both sequences that may still match.
struct Part {
  int64_t a_begin = 0, a_end = 0, b_begin = 0, b_end = 0;
};

class Matcher {
 public:
  Matcher(const std::vector<int64_t>& a, const std::vector<int64_t>& b) : a_(a), b_(b) {
    for (size_t j = 0; j < b.size(); ++j) places_[b[j]].push_back(static_cast<int64_t>(j));
    constexpr size_t kLong = 200;
    if (b.size() < kLong) return;
    std::erase_if(places_, [&](const auto& element) { return element.second.size() > b.size() / 100 + 1; });
  }

  /// The longest run inside `part`, the first in `a` and then in `b` of several, with the equal elements beside it.
  MatchingBlock longest(const Part& part) const {
    MatchingBlock best{part.a_begin, part.b_begin, 0};
    std::map<int64_t, int64_t> before;  // place in b -> length of the run that ends there and before i
    for (int64_t i = part.a_begin; i < part.a_end; ++i) {
      std::map<int64_t, int64_t> now;
      const auto found = places_.find(a_[static_cast<size_t>(i)]);
      for (const int64_t j : found == places_.end() ? kNowhere : found->second) {
        if (j < part.b_begin || j >= part.b_end) continue;
        const auto run = before.find(j - 1);
        const int64_t size = now[j] = (run == before.end() ? 0 : run->second) + 1;
        if (size > best.size) best = {i - size + 1, j - size + 1, size};
      }
      before = std::move(now);
    }
    while (best.a > part.a_begin && best.b > part.b_begin && equal(best.a - 1, best.b - 1)) {
      --best.a, --best.b, ++best.size;
    }
    while (best.a + best.size < part.a_end && best.b + best.size < part.b_end &&
           equal(best.a + best.size, best.b + best.size)) {
      ++best.size;
    }
    return best;
  }

 private:
  inline static const std::vector<int64_t> kNowhere{};
  bool equal(int64_t i, int64_t j) const { return a_[static_cast<size_t>(i)] == b_[static_cast<size_t>(j)]; }

  const std::vector<int64_t>&a_, &b_;
  std::map<int64_t, std::vector<int64_t>> places_;  ///< of the elements of b that may begin a match
};

}  // namespace

std::vector<MatchingBlock> matching_blocks(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  const Matcher matcher(a, b);
  const auto a_size = static_cast<int64_t>(a.size()), b_size = static_cast<int64_t>(b.size());
  std::vector<Part> open = {{0, a_size, 0, b_size}};
  std::vector<MatchingBlock> found;
  while (!open.empty()) {
    const Part part = open.back();
    open.pop_back();
    const MatchingBlock block = matcher.longest(part);
    if (block.size == 0) continue;
    found.push_back(block);
    open.push_back({part.a_begin, block.a, part.b_begin, block.b});
    open.push_back({block.a + block.size, part.a_end, block.b + block.size, part.b_end});
  }
  std::sort(found.begin(), found.end(), [](const MatchingBlock& x, const MatchingBlock& y) { return x.a < y.a; });
  std::vector<MatchingBlock> joined;
  for (const MatchingBlock& block : found) {
    const bool adjacent = !joined.empty() && joined.back().a + joined.back().size == block.a &&
                          joined.back().b + joined.back().size == block.b;
    if (adjacent) {
      joined.back().size += block.size;
    } else {
      joined.push_back(block);
    }
  }
  joined.push_back({a_size, b_size, 0});
  return joined;
}

DifferenceMarks difference_marks(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  DifferenceMarks marks{std::vector<int64_t>(a.size()), std::vector<int64_t>(b.size())};
  int64_t i = 0, j = 0, phrases = 0;
  for (const MatchingBlock& block : matching_blocks(a, b)) {
    if (i < block.a && j < block.b) {
      ++phrases;
      std::fill(marks.a.begin() + i, marks.a.begin() + block.a, phrases);
      std::fill(marks.b.begin() + j, marks.b.begin() + block.b, phrases);
    }
    i = block.a + block.size;
    j = block.b + block.size;
  }
  return marks;
}

}  // namespace rrpo::text
