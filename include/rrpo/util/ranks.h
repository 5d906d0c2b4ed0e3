// What torchrun and SLURM tell a process about the others that they have started.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rrpo {

/// The number of this process among those on its machine (LOCAL_RANK, SLURM_LOCALID); nothing outside of a launcher.
std::optional<int64_t> local_rank();

/// The number of this process among all that a launcher has started (RANK, SLURM_PROCID); 0 outside of one. For what is
/// shown: values that do not fit each other are world::place_of_process()'s to refuse.
int64_t own_rank();

/// How many threads are this process's share of the machine: its cores, divided among the ranks that a launcher has started
/// on it (LOCAL_WORLD_SIZE, SLURM_NTASKS_PER_NODE); at least 1.
int64_t own_cores();

/// The GPU of one of the processes that a launcher has started on this machine: `cuda` where one GPU is visible or there is
/// no launcher, else `cuda:RANK`. Throws Error(environment) for a process too many.
std::string own_gpu(int64_t gpus, std::optional<int64_t> rank);

/// Throws Error(usage, component) where a launcher has started several processes of a job that cannot share its work.
void require_one_process(std::string_view component);

}  // namespace rrpo
