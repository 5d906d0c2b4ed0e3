// The signals that ask for a stop, as a question the long loops ask between two safe units.
#pragma once

#include <exception>

namespace rrpo {

/// From now on the first INT, TERM, HUP, USR1, USR2 or XCPU is remembered, and the others change nothing: Ctrl-C under a
/// launcher sends two. The same signal again after two seconds ends the process at once (exit 128 + signal). PIPE and XFSZ
/// are ignored, so that the write that they stand for fails. A HUP that was ignored at the start (nohup) stays ignored.
void install_stop_signals();

/// The signal that asked for a stop, or 0. A loop that sees one finishes its unit, saves, and the program exits 128 +
/// signal.
int stop_signal();

/// Thrown out of the middle of a unit that a stop cuts short (a long video, a hash of a large file). No fault: whoever owns
/// the loop drops the unit, saves what is whole and ends with 128 + stop_signal().
class Stopped : public std::exception {
 public:
  const char* what() const noexcept override { return "stopped by a signal"; }
};

/// Throws Stopped when a stop was asked for.
void check_stop();

/// Forgets a signal (0), or plants one as if it had come now: what another rank was told, and for tests.
void set_stop_signal(int signal);

}  // namespace rrpo
