#include "rrpo/util/stop.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <string>

#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"
#include "support/temp_dir.h"

namespace rrpo {
namespace {

constexpr int kWell = 77;  ///< a child that came to its own end

/// The exit code of `work` in a process of its own, or 1000 + the signal that killed it.
int in_child(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(Stop, EachSignalOfAQueueIsRemembered) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU}) {
    EXPECT_EQ(in_child([signal] {
                install_stop_signals();
                ::raise(signal);
                try {
                  check_stop();
                } catch (const Stopped&) {
                  return stop_signal() == signal ? kWell : 1;
                }
                return 2;
              }),
              kWell)
        << signal;
  }
}

// Ctrl-C under a launcher: INT to the group, then the launcher's own TERM.
TEST(Stop, AnotherSignalBehindTheFirstChangesNothing) {
  EXPECT_EQ(in_child([] {
              install_stop_signals();
              ::raise(SIGINT);
              ::usleep(50'000);
              ::raise(SIGTERM);
              return stop_signal() == SIGINT ? kWell : 1;
            }),
            kWell);
}

TEST(Stop, TheSameSignalTwiceIsOneStopUntilTwoSecondsHavePassed) {
  EXPECT_EQ(in_child([] {
              install_stop_signals();
              ::raise(SIGTERM);
              ::raise(SIGTERM);
              return stop_signal() == SIGTERM ? kWell : 1;
            }),
            kWell);
  EXPECT_EQ(in_child([] {
              install_stop_signals();
              ::raise(SIGTERM);
              ::sleep(2);
              ::usleep(100'000);
              ::raise(SIGINT);  // another one still says nothing new
              ::raise(SIGTERM);
              return kWell;
            }),
            128 + SIGTERM);
}

// One rank is told by another what the launcher is about to send to both.
TEST(Stop, ASignalBehindAPlantedOneIsNoSecondThought) {
  EXPECT_EQ(in_child([] {
              install_stop_signals();
              set_stop_signal(SIGTERM);
              ::raise(SIGTERM);
              return stop_signal() == SIGTERM ? kWell : 1;
            }),
            kWell);
}

TEST(Stop, AHangUpThatWasIgnoredStaysIgnored) {
  EXPECT_EQ(in_child([] {
              ::signal(SIGHUP, SIG_IGN);  // nohup
              install_stop_signals();
              ::raise(SIGHUP);
              return stop_signal() == 0 ? kWell : 1;
            }),
            kWell);
}

TEST(Stop, AClosedPipeIsAWriteThatFails) {
  EXPECT_EQ(in_child([] {
              install_stop_signals();
              int ends[2];
              if (::pipe(ends) != 0) return 1;
              ::close(ends[0]);
              return ::write(ends[1], "x", 1) < 0 && errno == EPIPE && stop_signal() == 0 ? kWell : 2;
            }),
            kWell);
}

TEST(Stop, AFileThatGrowsTooLargeIsAWriteThatFails) {
  const test::TempDir folder;
  EXPECT_EQ(in_child([&] {
              install_stop_signals();
              const rlimit limit{4096, 4096};
              if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
              const Descriptor file = create_new(folder / "large");
              try {
                write_all(file.get(), folder / "large", std::string(8192, 'x'));
              } catch (const Error& error) {
                const bool said = std::string(error.what()).find("File too large") != std::string::npos;
                return error.fault() == Fault::environment && said && stop_signal() == 0 ? kWell : 2;
              }
              return 3;
            }),
            kWell);
}

}  // namespace
}  // namespace rrpo
