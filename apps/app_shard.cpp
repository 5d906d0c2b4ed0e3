#include "app_shard.h"

#include <cstdlib>

#include "rrpo/data/shard.h"
#include "rrpo/util/fields.h"

namespace rrpo::apps {

namespace {

data::Shard shard_of_environment(const std::string& at) {
  for (const auto& [rank, size] : {std::pair("RANK", "WORLD_SIZE"), {"SLURM_PROCID", "SLURM_NTASKS"}}) {
    const char* index = std::getenv(rank);
    const char* count = std::getenv(size);
    if (index != nullptr && count != nullptr) return data::parse_shard(std::string(index) + "/" + count, at);
  }
  bad_field(at, "auto finds neither RANK and WORLD_SIZE nor SLURM_PROCID and SLURM_NTASKS", at + "=0/4");
}

}  // namespace

Invocation placed(const Invocation& call, std::optional<std::string>& shard, const std::string& at) {
  Invocation own = call;
  if (shard != "auto") return own;
  const data::Shard part = shard_of_environment(at);
  shard = part.name();
  if (!own.out.empty()) own.out /= std::to_string(part.index) + "-of-" + std::to_string(part.count);
  return own;
}

}  // namespace rrpo::apps
