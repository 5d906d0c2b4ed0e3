#include "rrpo/util/stop.h"

#include <unistd.h>

#include <csignal>

namespace rrpo {

namespace {

volatile std::sig_atomic_t g_signal = 0;

void remember(int signal) {
  if (g_signal != 0) _exit(128 + signal);
  g_signal = signal;
}

}  // namespace

void install_stop_signals() {
  struct sigaction action {};
  action.sa_handler = remember;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int stop_signal() { return g_signal; }

void set_stop_signal(int signal) { g_signal = signal; }

}  // namespace rrpo
