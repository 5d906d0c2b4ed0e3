#include "rrpo/policy/memory.h"

#include <c10/util/Exception.h>
#include <c10/util/Flags.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

C10_DECLARE_bool(caffe2_use_fatal_for_enforce);

namespace rrpo::policy {

namespace {

/// The words of LibTorch's allocators, empty for another fault of LibTorch.
std::string allocator_words(const c10::Error& error) {
  constexpr std::string_view kCpu = "DefaultCPUAllocator: ";
  const std::string words = error.what_without_backtrace();
  const size_t cpu = words.find(kCpu);
  if (cpu != std::string::npos) return words.substr(cpu + kCpu.size());
  return dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ? words : "";
}

}  // namespace

void throw_where_memory_ends() { FLAGS_caffe2_use_fatal_for_enforce = false; }

void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr const char* kOwn[] = {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"};
  if (std::any_of(std::begin(kOwn), std::end(kOwn), [](const char* name) { return std::getenv(name) != nullptr; })) return;
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that glibc takes
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 16 << 20);
#endif
}

std::optional<Error> memory_error(const std::exception& error) {
  std::string words = "out of memory";
  if (const auto* torch = dynamic_cast<const c10::Error*>(&error)) {
    const std::string said = allocator_words(*torch);
    if (said.empty()) return std::nullopt;
    words += ": " + printable(said, 140);
  } else if (const auto* system = dynamic_cast<const std::system_error*>(&error)) {
    if (system->code() != std::errc::resource_unavailable_try_again) return std::nullopt;
    words = "no further thread can be started";
  } else if (dynamic_cast<const std::length_error*>(&error) != nullptr) {
    words += ": more than there can be";
  } else if (dynamic_cast<const std::bad_alloc*>(&error) == nullptr) {
    return std::nullopt;
  }
  return Error(Fault::environment, "memory", words,
               "fewer video.frames, threads or rows of a pass, a smaller model.dtype or lora.rank");
}

}  // namespace rrpo::policy
