#include "rrpo/text/word_cache.h"

#include <mutex>

namespace rrpo::text {

const Pieces* WordCache::find(std::string_view word) const {
  const std::shared_lock lock(mutex_);
  const auto found = words_.find(word);
  return found == words_.end() ? nullptr : &found->second;
}

void WordCache::keep(std::string_view word, const Pieces& pieces) {
  const std::unique_lock lock(mutex_);
  if (words_.size() < kWords) words_.emplace(word, pieces);
}

}  // namespace rrpo::text
