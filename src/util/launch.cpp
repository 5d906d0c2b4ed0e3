#include "rrpo/util/launch.h"

#include <netinet/in.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>

#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"

extern char** environ;

namespace rrpo {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kLauncher = "RRPO_RANKS_LAUNCHER";
constexpr std::chrono::seconds kLastWords{50};  ///< with the rest under the minute that a lost rank may take in all

void check(int fault, const std::string& action) {
  if (fault == 0) return;
  throw Error(Fault::environment, "ranks", "cannot " + action + ": " + std::strerror(fault),
              "ulimit -u and ulimit -n say what is allowed");
}

/// A socket that listens on some free port of the loopback address, which no other process sees (yet).
Descriptor open_listener(int64_t& port) {
  Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  const bool fine = listener.get() >= 0 && ::bind(listener.get(), any, size) == 0 &&
                    ::listen(listener.get(), SOMAXCONN) == 0 && ::getsockname(listener.get(), any, &size) == 0;
  if (!fine) check(errno, "listen on the loopback address");
  port = ntohs(address.sin_port);
  return listener;
}

/// The environment of a rank: ours with these values.
std::vector<std::string> environment_with(const std::map<std::string, std::string>& values) {
  std::vector<std::string> all;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string entry = *one;
    if (!values.contains(entry.substr(0, entry.find('=')))) all.push_back(entry);
  }
  for (const auto& [name, value] : values) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

/// No fork: LibTorch's threads may be there already.
pid_t start(const std::vector<std::string>& arguments, const std::vector<std::string>& environment, int inherited) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  check(posix_spawn_file_actions_init(&files), "start a rank");
  check(posix_spawnattr_init(&attributes), "start a rank");
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  // Onto itself: that alone takes the mark away which closes it in the new program.
  if (inherited >= 0) posix_spawn_file_actions_adddup2(&files, inherited, inherited);
  pid_t process = -1;
  const int fault =
      posix_spawn(&process, "/proc/self/exe", &files, &attributes, pointers(arguments).data(), pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  check(fault, "start a rank");
  return process;
}

const std::vector<int>& stop_signals() {
  static const std::vector<int> all = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU};
  return all;
}

/// The ranks that are still at work, while their launcher waits.
class Launched {
 public:
  explicit Launched(std::vector<pid_t> processes) : processes_(std::move(processes)), alive_(processes_.size(), true) {}

  bool any() const { return std::find(alive_.begin(), alive_.end(), true) != alive_.end(); }
  void pass_on(int signal) const {
    for (size_t rank = 0; rank < processes_.size(); ++rank) {
      if (alive_[rank]) ::kill(processes_[rank], signal);
    }
  }
  /// Takes in those that have ended since the last call.
  void reap() {
    for (size_t rank = 0; rank < processes_.size(); ++rank) {
      int status = 0;
      if (!alive_[rank] || ::waitpid(processes_[rank], &status, WNOHANG) != processes_[rank]) continue;
      alive_[rank] = false;
      ends.push_back({static_cast<int64_t>(rank), WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                      WIFSIGNALED(status) ? WTERMSIG(status) : 0});
    }
  }
  /// The first that was lost; null where none was.
  const RankEnd* lost() const {
    const auto found = std::find_if(ends.begin(), ends.end(), [](const RankEnd& end) {
      return end.signal != 0 || end.code == static_cast<int>(Fault::peer);
    });
    return found == ends.end() ? nullptr : &*found;
  }

  std::vector<RankEnd> ends;

 private:
  std::vector<pid_t> processes_;
  std::vector<bool> alive_;
};

/// Waits for all ranks, passes signals on. Returns the first of them, 0 where none came.
int wait_for(Launched& ranks, const sigset_t& heard) {
  int stop = 0;
  bool asked = false;
  Clock::time_point limit = Clock::time_point::max();
  while (ranks.any()) {
    const timespec pause{0, 200'000'000};
    const int signal = sigtimedwait(&heard, nullptr, &pause);
    if (signal > 0 && signal != SIGCHLD) {
      if (stop == 0) stop = signal;
      ranks.pass_on(signal);
    }
    ranks.reap();
    if (ranks.lost() != nullptr && !asked) {
      asked = true;
      limit = Clock::now() + kLastWords;
      ranks.pass_on(SIGTERM);
    }
    if (Clock::now() > limit) ranks.pass_on(SIGKILL);
  }
  return stop;
}

}  // namespace

std::vector<pid_t> start_ranks(int64_t count, const std::vector<std::string>& arguments) {
  int64_t port = 0;
  const Descriptor listener = open_listener(port);
  std::vector<pid_t> processes;
  for (int64_t rank = 0; rank < count; ++rank) {
    const std::string number = std::to_string(rank), all = std::to_string(count);
    std::map<std::string, std::string> values = {{"RANK", number},
                                                 {"LOCAL_RANK", number},
                                                 {"WORLD_SIZE", all},
                                                 {"LOCAL_WORLD_SIZE", all},
                                                 {"MASTER_ADDR", "127.0.0.1"},
                                                 {"MASTER_PORT", std::to_string(port)},
                                                 {kLauncher, std::to_string(::getpid())}};
    if (rank == 0) values["RRPO_RANKS_LISTENER"] = std::to_string(listener.get());
    try {
      processes.push_back(start(arguments, environment_with(values), rank == 0 ? listener.get() : -1));
    } catch (const Error&) {
      for (const pid_t process : processes) ::kill(process, SIGKILL), ::waitpid(process, nullptr, 0);
      throw;
    }
  }
  return processes;
}

int exit_of_ranks(const std::vector<RankEnd>& ends, int stop) {
  constexpr int kPeer = static_cast<int>(Fault::peer);
  int first = 0, largest = 0;
  bool stopped = stop != 0, killed = false;
  for (const RankEnd& end : ends) {
    const bool by_stop = end.code == 128 + stop || end.signal == stop;
    if (!by_stop) stopped = false;
    if (end.signal != 0 && !by_stop) killed = true;
    if (first == 0 && end.code != kPeer) first = end.code;
    largest = std::max(largest, end.code);
  }
  if (stopped) return 128 + stop;
  if (killed) return kPeer;
  return first != 0 ? first : largest;
}

int launch_ranks(int64_t count, const std::vector<std::string>& arguments) {
  sigset_t heard, before;
  sigemptyset(&heard);
  for (const int signal : stop_signals()) sigaddset(&heard, signal);
  sigaddset(&heard, SIGCHLD);
  // Held back, so that none is lost between the start of the ranks and the wait for them.
  sigprocmask(SIG_BLOCK, &heard, &before);
  std::signal(SIGCHLD, SIG_DFL);
  Launched ranks(start_ranks(count, arguments));
  const int stop = wait_for(ranks, heard);
  sigprocmask(SIG_SETMASK, &before, nullptr);
  const int code = exit_of_ranks(ranks.ends, stop);
  const RankEnd* lost = ranks.lost();
  if (code == static_cast<int>(Fault::peer) && lost != nullptr && lost->signal != 0)
    throw Error(Fault::peer, "ranks",
                "rank " + std::to_string(lost->rank) + " was ended by signal " + std::to_string(lost->signal) + " (" +
                    ::strsignal(lost->signal) + ")",
                "start again with --resume; 9 is often the kernel's, for want of memory");
  return code;
}

void follow_launcher() {
  const char* launcher = std::getenv(kLauncher);
  if (launcher == nullptr) return;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (std::to_string(::getppid()) != launcher) ::raise(SIGTERM);  // it ended before that
}

}  // namespace rrpo
