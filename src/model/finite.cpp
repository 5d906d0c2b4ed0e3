#include "finite.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

/// What is not below `limit` without its sign. Blocks of a fixed size become vector instructions.
template <class Word>
int64_t first_at_least(const Word* words, int64_t count, Word limit) {
  constexpr int64_t kBlock = 1024;
  constexpr auto kMagnitude = static_cast<Word>(std::numeric_limits<Word>::max());  // signed: all bits but the sign
  int64_t begin = 0;
  for (; begin + kBlock <= count; begin += kBlock) {
    Word found = 0;
    for (int64_t i = 0; i < kBlock; ++i)
      found = static_cast<Word>(found | static_cast<Word>((words[begin + i] & kMagnitude) >= limit ? 1 : 0));
    if (found != 0) break;
  }
  for (; begin < count; ++begin) {
    if ((words[begin] & kMagnitude) >= limit) return begin;
  }
  return -1;
}

/// The least magnitude in double that rounds to infinity.
double double_limit(at::ScalarType wanted) {
  if (wanted == at::kDouble) return std::numeric_limits<double>::infinity();
  return wanted == at::kBFloat16 ? 0x1.FFp127 : 0x1.FFFFFFp127;
}

}  // namespace

int64_t first_not_finite(const void* data, int64_t count, at::ScalarType stored, at::ScalarType wanted) {
  switch (stored) {
    case at::kDouble:
      return first_at_least(static_cast<const int64_t*>(data), count, std::bit_cast<int64_t>(double_limit(wanted)));
    case at::kFloat:
      return first_at_least<int32_t>(static_cast<const int32_t*>(data), count,
                                     wanted == at::kBFloat16 ? 0x7F7F8000 : 0x7F800000);
    case at::kBFloat16:
      return first_at_least<int16_t>(static_cast<const int16_t*>(data), count, 0x7F80);
    case at::kHalf:
      return first_at_least<int16_t>(static_cast<const int16_t*>(data), count, 0x7C00);
    default:
      expect(false, "weights of a type that holds none");
      return -1;
  }
}

}  // namespace rrpo::model
