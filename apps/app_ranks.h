// A command as several ranks, started by `--nproc N`, torchrun or srun.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app.h"
#include "rrpo/world/world.h"

namespace rrpo::apps {

/// How many ranks this process is asked to start: 1 where `nproc`, the value of the flag, is empty. Throws Error(usage) for
/// another number, for a command that runs as one process, and inside of a launcher.
int64_t ranks_of(const Command& command, const std::string& nproc);

/// The command line of such a rank: what the user typed, without `--nproc`.
std::vector<std::string> as_rank(const Program& program, const std::vector<std::string>& typed);

/// Meets the other ranks, if a launcher has started some: Gloo for `cpu`, NCCL for a GPU. Only the first of them shows
/// anything on stdout, and progress, from here on.
world::World meet_ranks(const std::string& device);

}  // namespace rrpo::apps
