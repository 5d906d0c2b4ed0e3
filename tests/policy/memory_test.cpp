// What becomes of memory that tensors gave back.
#include "rrpo/policy/memory.h"

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>

namespace rrpo::policy {
namespace {

int64_t page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

TEST(KeepFreedMemory, TheNextTensorTakesThePagesOfTheOneBefore) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
  GTEST_SKIP() << "another allocator";
#endif
  for (const char* name : {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"}) {
    if (std::getenv(name) != nullptr) GTEST_SKIP() << name << " is set";
  }
  keep_freed_memory();
  constexpr int64_t kPages = 16 << 8;  // of 16 MiB
  // An aligned block asks for a little more than the one before it left: it takes some rounds until they join.
  for (int i = 0; i < 20; ++i) at::ones({kPages * 1024});
  const int64_t before = page_faults();
  for (int i = 0; i < 10; ++i) at::ones({kPages * 1024});
  EXPECT_LT(page_faults() - before, kPages);  // of the ten times as many that fresh memory costs
}

}  // namespace
}  // namespace rrpo::policy
