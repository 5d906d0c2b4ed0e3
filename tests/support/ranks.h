// A test as several processes: the same test of the same program runs again in each rank.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "rrpo/util/launch.h"

namespace rrpo::test {

/// True in a copy that Ranks has started: there the test plays its rank.
inline bool is_rank() { return std::getenv("RRPO_TEST_RANK") != nullptr; }

/// Copies of the running test as ranks 0 to count - 1 of a job on this machine. They are killed with this value.
class Ranks {
 public:
  explicit Ranks(int64_t count) {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    const std::string name = std::string(test->test_suite_name()) + "." + test->name();
    ::setenv("RRPO_TEST_RANK", "1", 1);
    processes_ = start_ranks(count, {"rank", "--gtest_filter=" + name, "--gtest_brief=1"});
    ::unsetenv("RRPO_TEST_RANK");
  }
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;
  ~Ranks() {
    for (const pid_t process : processes_) {
      if (process > 0) ::kill(process, SIGKILL), ::waitpid(process, nullptr, 0);
    }
  }

  pid_t process(size_t rank) const { return processes_[rank]; }
  /// Waits for a rank's end: its exit code, or minus the signal that ended it.
  int end(size_t rank) {
    int status = 0;
    ::waitpid(processes_[rank], &status, 0);
    processes_[rank] = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  /// Waits for all: true where every rank's expectations held.
  bool all_well() {
    bool well = true;
    for (size_t rank = 0; rank < processes_.size(); ++rank) well = end(rank) == 0 && well;
    return well;
  }

 private:
  std::vector<pid_t> processes_;
};

}  // namespace rrpo::test
