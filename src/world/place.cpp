#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "rrpo/util/error.h"
#include "rrpo/world/world.h"

namespace rrpo::world {

namespace {

[[noreturn]] void bad_place(const std::string& problem, const std::string& fix) {
  throw Error(Fault::usage, "ranks", problem, fix);
}

std::optional<std::string> text_in(const char* variable) {
  const char* text = std::getenv(variable);
  return text == nullptr || *text == '\0' ? std::nullopt : std::optional<std::string>(text);
}

std::optional<int64_t> number_in(const char* variable) {
  const auto text = text_in(variable);
  if (!text) return std::nullopt;
  int64_t number = -1;
  const auto [end, fault] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (fault != std::errc() || end != text->data() + text->size() || number < 0)
    bad_place(std::string(variable) + "=" + *text + ": is no number", "start the ranks with torchrun, srun or --nproc");
  return number;
}

/// The first of `node[03-05,09],other`: node03.
std::string first_host(std::string_view list) {
  std::string host;
  for (size_t i = 0; i < list.size() && list[i] != ','; ++i) {
    if (list[i] != '[') {
      host += list[i];
      continue;
    }
    const size_t end = std::min(list.find(']', i), list.size());
    const std::string_view numbers = list.substr(i + 1, end - i - 1);
    host += numbers.substr(0, numbers.find_first_of("-,"));
    i = end;
  }
  return host;
}

/// A port that all ranks of a SLURM step name without having met: below those that a kernel gives to connections (32768).
int64_t port_of_step(int64_t job, int64_t step) {
  constexpr int64_t kFirst = 15000, kPorts = 15000, kStepsApart = 31;
  return kFirst + (job + step * kStepsApart) % kPorts;
}

/// Rank and size as a launcher says them under these names; nothing where it says none.
std::optional<Place> counted(const char* rank, const char* size, const char* local) {
  const auto all = number_in(size);
  if (!all || *all <= 1) return all ? std::optional(Place()) : std::nullopt;
  const std::string said = std::string(size) + "=" + std::to_string(*all);
  const auto own = number_in(rank);
  if (!own) bad_place(said + ", but " + rank + " is not set", "start the ranks with torchrun, srun or --nproc");
  if (*own >= *all)
    bad_place(said + ", but " + rank + "=" + std::to_string(*own),
              "ranks are counted from 0 to " + std::to_string(*all - 1));
  Place place;
  place.rank = *own;
  place.size = *all;
  place.local_rank = number_in(local).value_or(*own);
  return place;
}

/// torchrun, `--nproc`, and whoever sets the same names.
std::optional<Place> of_torchrun() {
  auto place = counted("RANK", "WORLD_SIZE", "LOCAL_RANK");
  if (!place || place->size == 1) return place;
  const auto address = text_in("MASTER_ADDR");
  const auto port = number_in("MASTER_PORT");
  if (!address || !port)
    bad_place(
        "WORLD_SIZE=" + std::to_string(place->size) + ", but " + (address ? "MASTER_PORT" : "MASTER_ADDR") + " is not set",
        "start the ranks with torchrun, srun or --nproc");
  place->address = *address;
  place->port = *port;
  place->hosted = text_in("TORCHELASTIC_USE_AGENT_STORE") == "True";
  place->start = text_in("TORCHELASTIC_RUN_ID").value_or("") + "/" + text_in("TORCHELASTIC_RESTART_COUNT").value_or("");
  if (place->rank == 0) place->listener = static_cast<int>(number_in("RRPO_RANKS_LISTENER").value_or(-1));
  return place;
}

/// A step of srun. The shell of a batch job has SLURM_NTASKS too, and is one process: only a step has a list of its nodes.
std::optional<Place> of_slurm() {
  const auto nodes = text_in("SLURM_STEP_NODELIST");
  if (!nodes) return std::nullopt;
  const char* size = text_in("SLURM_STEP_NUM_TASKS") ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS";
  auto place = counted("SLURM_PROCID", size, "SLURM_LOCALID");
  if (!place || place->size == 1) return place;
  place->address = text_in("MASTER_ADDR").value_or(first_host(*nodes));
  const int64_t port = port_of_step(number_in("SLURM_JOB_ID").value_or(0), number_in("SLURM_STEP_ID").value_or(0));
  place->port = number_in("MASTER_PORT").value_or(port);
  return place;
}

}  // namespace

Place place_of_process() {
  auto place = of_torchrun();
  if (!place) place = of_slurm();
  if (!place) return {};
  if (place->size > 1 && (place->port < 1 || place->port > 65535))
    bad_place("MASTER_PORT=" + std::to_string(place->port) + ": is no port", "a free one from 1024 to 65535");
  return *place;
}

}  // namespace rrpo::world
