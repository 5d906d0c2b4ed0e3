// SIGINT and SIGTERM as a question the long loops ask between two safe units.
#pragma once

namespace rrpo {

/// From now on the first SIGINT or SIGTERM is remembered and a second one ends the process at once (exit 128 + signal).
void install_stop_signals();

/// The signal that asked for a stop, or 0. A loop that sees one finishes its unit, saves, and the program exits 128 +
/// signal.
int stop_signal();

/// Forgets or plants a signal: for tests.
void set_stop_signal(int signal);

}  // namespace rrpo
