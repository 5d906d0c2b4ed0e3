// One program as several ranks on one machine: `--nproc N`.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace rrpo {

/// Starts `count` copies of the running program with `arguments`, as torchrun would: RANK, WORLD_SIZE, LOCAL_RANK,
/// LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT stand in their environment. The port is on the loopback address and open
/// already: rank 0 inherits it (RRPO_RANKS_LISTENER), so that nobody can take it in between. Streams are shared. Returns the
/// processes, in the order of their ranks. Throws Error(environment, "ranks").
std::vector<pid_t> start_ranks(int64_t count, const std::vector<std::string>& arguments);

/// How one of them has ended.
struct RankEnd {
  int64_t rank = 0;
  int code = 0;    ///< its exit code
  int signal = 0;  ///< that ended it; 0: none
};

/// The exit code of the whole, of all ends in the order in which they came and the stop signal that was passed on (0: none):
/// 128 + signal where a stop ended them; 7 where one was ended by another signal; else the first that is neither 0 nor 7,
/// for a rank ends with 7 because of another one; else the largest.
int exit_of_ranks(const std::vector<RankEnd>& ends, int stop);

/// start_ranks() until the last of them has ended. Stop signals are passed on to all. Where a rank is lost (a signal, or
/// exit 7) the others are asked to stop and have 50 s for that. Returns exit_of_ranks(); throws Error(peer, "ranks") that
/// names the rank where a signal has ended one.
int launch_ranks(int64_t count, const std::vector<std::string>& arguments);

/// In a rank of launch_ranks(): from now on the end of the launcher is a stop signal (TERM). Elsewhere nothing.
void follow_launcher();

}  // namespace rrpo
