// Values by name, up to so many bytes: the memory of the caches.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "rrpo/util/log.h"

namespace rrpo::data {

/// Keeps what comes first. Later values are not kept and none is ever replaced, so that nothing depends on timing; that it
/// is full is said once. Safe to use from several threads.
template <class Value>
class BoundedMap {
 public:
  /// `what` fills it, and `then` happens to the rest, in the words of that note. A map of 0 bytes keeps nothing and says
  /// nothing: its owner needs each value once.
  BoundedMap(int64_t bytes, std::string what, std::string then)
      : room_(bytes), size_(bytes), what_(std::move(what)), then_(std::move(then)) {}

  std::optional<Value> find(const std::string& name) {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(name);
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }

  /// Whether a value of so many bytes would be kept: asked before one is made ready for it.
  bool has_room(int64_t bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes <= room_) return true;
    if (size_ > 0 && !std::exchange(full_, true))
      log_info(what_ + " fill " + std::to_string(size_ >> 20) + " MiB: " + then_ + "; data.cache_memory_mb makes room");
    return false;
  }

  void insert(const std::string& name, const Value& value, int64_t bytes) {
    if (!has_room(bytes)) return;
    const std::lock_guard lock(mutex_);
    if (bytes <= room_ && values_.emplace(name, value).second) room_ -= bytes;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, Value> values_;
  int64_t room_;
  const int64_t size_;
  bool full_ = false;
  const std::string what_, then_;
};

}  // namespace rrpo::data
