// How many bytes LibTorch's CPU tensors take, counted where they are lent.
#pragma once

#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <unordered_map>

namespace rrpo::test {

/// Counts live bytes and remembers the most there were. What it lends is its own context, as LibTorch's raw scratch memory
/// on some processors needs it: the sizes stand beside.
class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &release, c10::Device(c10::kCPU)};
    void* data = nullptr;
    if (posix_memalign(&data, 64, bytes) != 0) throw std::bad_alloc();
    const std::lock_guard lock(mutex_);
    sizes_[data] = static_cast<int64_t>(bytes);
    live_ += static_cast<int64_t>(bytes);
    most_ = std::max(most_, live_);
    return {data, data, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }
  int64_t live() const { return live_; }
  int64_t most() const { return most_; }
  void forget() { most_ = live_; }
  static CountingAllocator& instance() {
    static CountingAllocator one;  // tensors may outlive the scope of a test
    return one;
  }

 private:
  static void release(void* data) {
    if (data == nullptr) return;
    CountingAllocator& own = instance();
    const std::lock_guard lock(own.mutex_);
    const auto found = own.sizes_.find(data);
    own.live_ -= found->second;
    own.sizes_.erase(found);
    std::free(data);
  }
  std::mutex mutex_;
  std::unordered_map<void*, int64_t> sizes_;
  int64_t live_ = 0, most_ = 0;
};

/// While this lives, LibTorch's CPU tensors are counted.
class Counted {
 public:
  Counted() : before_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(&allocator(), 200); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { c10::SetCPUAllocator(before_, 200); }
  static CountingAllocator& allocator() { return CountingAllocator::instance(); }

 private:
  c10::Allocator* before_;
};

}  // namespace rrpo::test
