#include "rrpo/util/stop.h"

#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <ctime>
#include <initializer_list>

namespace rrpo {

namespace {

volatile std::sig_atomic_t g_signal = 0;
volatile int64_t g_since_ms = 0;

constexpr int64_t kSecondThoughtMs = 2000;  ///< after which the same signal means "at once"

int64_t monotonic_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // allowed inside a signal handler
  return int64_t{1000} * now.tv_sec + now.tv_nsec / 1'000'000;
}

void remember(int signal) {
  if (g_signal == 0) {
    g_since_ms = monotonic_ms();
    g_signal = signal;
  } else if (g_signal == signal && monotonic_ms() - g_since_ms >= kSecondThoughtMs) {
    _exit(128 + signal);
  }
}

bool is_ignored(int signal) {
  struct sigaction before {};
  return sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN;
}

}  // namespace

void install_stop_signals() {
  struct sigaction action {};
  action.sa_handler = remember;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU}) {
    if (signal == SIGHUP && is_ignored(signal)) continue;
    sigaction(signal, &action, nullptr);
  }
  action.sa_handler = SIG_IGN;
  for (const int signal : {SIGPIPE, SIGXFSZ}) sigaction(signal, &action, nullptr);
}

int stop_signal() { return g_signal; }

void check_stop() {
  if (stop_signal() != 0) throw Stopped();
}

void set_stop_signal(int signal) {
  g_since_ms = monotonic_ms();  // the signal itself may be on its way, and is no second thought then
  g_signal = signal;
}

}  // namespace rrpo
