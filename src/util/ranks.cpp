#include "rrpo/util/ranks.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <thread>

#include "rrpo/util/error.h"

namespace rrpo {

namespace {

/// A count in the environment; nothing where there is none.
std::optional<int64_t> count_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  const std::string_view digits = text;
  int64_t count = -1;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (fault != std::errc() || end != digits.data() + digits.size() || count < 0) return std::nullopt;
  return count;
}

}  // namespace

std::optional<int64_t> local_rank() {
  const std::optional<int64_t> rank = count_in("LOCAL_RANK");
  return rank ? rank : count_in("SLURM_LOCALID");
}

int64_t own_rank() {
  if (count_in("WORLD_SIZE").value_or(1) > 1) return count_in("RANK").value_or(0);
  return std::getenv("SLURM_STEP_NODELIST") != nullptr ? count_in("SLURM_PROCID").value_or(0) : 0;
}

int64_t own_cores() {
  int64_t sharing = count_in("LOCAL_WORLD_SIZE").value_or(1);
  if (sharing == 1 && std::getenv("SLURM_STEP_NODELIST") != nullptr) sharing = count_in("SLURM_NTASKS_PER_NODE").value_or(1);
  return std::max<int64_t>(1, std::thread::hardware_concurrency() / std::max<int64_t>(1, sharing));
}

std::string own_gpu(int64_t gpus, std::optional<int64_t> rank) {
  if (gpus <= 1 || !rank) return "cuda";
  if (*rank < gpus) return "cuda:" + std::to_string(*rank);
  throw Error(Fault::environment, "device",
              "process " + std::to_string(*rank) + " of a machine that shows " + std::to_string(gpus) + " GPUs",
              "start as many processes as there are GPUs, counted from 0, or name the device");
}

void require_one_process(std::string_view component) {
  for (const char* name : {"WORLD_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    const int64_t count = count_in(name).value_or(1);
    if (count <= 1) continue;
    throw Error(Fault::usage, component,
                std::string(name) + "=" + std::to_string(count) + ": this command runs as one process",
                "start one: torchrun --nproc-per-node=1, srun --ntasks=1");
  }
}

}  // namespace rrpo
