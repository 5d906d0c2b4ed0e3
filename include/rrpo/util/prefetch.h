// Values made ahead of their use by a few threads, handed out in order.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "rrpo/util/error.h"

namespace rrpo {

/// Calls `make(i)` for i = begin … end-1 on `threads` threads, at most `ahead` values before they are asked for, and hands
/// the values out in the order of i: the result does not depend on the number of threads. An exception of `make(i)` is
/// rethrown by the `next()` that would have returned value i. `threads` 0 makes each value inside `next()`. Throws
/// Error(environment) where a thread cannot be made.
template <class T>
class Prefetch {
 public:
  Prefetch(int64_t begin, int64_t end, int64_t threads, int64_t ahead, std::function<T(int64_t)> make)
      : make_(std::move(make)),
        next_(begin),
        claimed_(begin),
        end_(end),
        ahead_(ahead < 1 ? 1 : ahead),
        inline_(threads == 0) {
    start(threads);
  }
  Prefetch(const Prefetch&) = delete;
  Prefetch& operator=(const Prefetch&) = delete;
  ~Prefetch() { stop(); }

  /// The next value in order, or nothing after the last.
  std::optional<T> next() {
    if (next_ >= end_) return std::nullopt;
    if (inline_) return make_(next_++);
    std::unique_lock lock(mutex_);
    made_.wait(lock, [this] { return ready_.contains(next_); });
    Slot slot = std::move(ready_.extract(next_).mapped());
    ++next_;
    lock.unlock();
    room_.notify_all();
    if (slot.error) std::rethrow_exception(slot.error);
    return std::move(slot.value);
  }

 private:
  struct Slot {
    std::optional<T> value;
    std::exception_ptr error;
  };

  /// A constructor that throws has no destructor to join what it began.
  void start(int64_t threads) {
    try {
      for (int64_t i = 0; i < threads; ++i) workers_.emplace_back([this] { work(); });
    } catch (const std::system_error& error) {
      stop();
      throw Error(Fault::environment, "threads",
                  "only " + std::to_string(workers_.size()) + " of " + std::to_string(threads) +
                      " threads can be made: " + error.code().message(),
                  "give fewer, or raise the limits of processes and memory (ulimit -u, ulimit -v)");
    } catch (...) {
      stop();
      throw;
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    room_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void work() {
    for (;;) {
      int64_t index = 0;
      {
        std::unique_lock lock(mutex_);
        room_.wait(lock, [this] { return stopping_ || claimed_ >= end_ || claimed_ < next_ + ahead_; });
        if (stopping_ || claimed_ >= end_) return;
        index = claimed_++;
      }
      Slot slot;
      try {
        slot.value.emplace(make_(index));
      } catch (...) {
        slot.error = std::current_exception();
      }
      {
        const std::lock_guard lock(mutex_);
        ready_.emplace(index, std::move(slot));
      }
      made_.notify_all();
    }
  }

  std::function<T(int64_t)> make_;
  std::mutex mutex_;
  std::condition_variable room_, made_;
  std::map<int64_t, Slot> ready_;
  int64_t next_, claimed_, end_, ahead_;
  bool inline_;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace rrpo
