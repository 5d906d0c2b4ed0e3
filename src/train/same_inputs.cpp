#include "same_inputs.h"

#include "agree.h"
#include "earlier.h"
#include "rrpo/io/run_record.h"
#include "rrpo/train/snapshot.h"
#include "rrpo/util/error.h"

namespace rrpo::train {

namespace {

[[noreturn]] void refuse(size_t rank, const std::string& what) {
  throw Error(Fault::usage, "ranks", "rank " + std::to_string(rank) + " has " + what + " than rank 0",
              "start all ranks with the same command line and the same files");
}

/// What a rank would train from: {"config", "files": {path: {"size", "sha256"}}}. Large weights are not hashed for this.
Json own_inputs(const TrainConfig& config) {
  io::Inputs inputs(input_files(config));
  inputs.give_up();
  return {{"config", config_json(config)}, {"files", inputs.so_far()}};
}

/// True where both entries may stand for one content.
bool alike(const Json& a, const Json& b) {
  const std::string first = io::recorded_sha256(a), second = io::recorded_sha256(b);
  return a.at("size") == b.at("size") && (first.empty() || second.empty() || first == second);
}

}  // namespace

void check_same_inputs(const world::World& world, const TrainConfig& config) {
  if (world.alone()) return;
  const std::vector<Json> all = agree(world, [&] { return own_inputs(config); });
  for (size_t rank = 1; rank < all.size(); ++rank) {
    const auto field = io::config_difference(all[0].at("config"), all[rank].at("config"), free_fields());
    if (field) refuse(rank, field->field + " " + field->now.dump() + ", another value");
    const Json &before = all[0].at("files"), &now = all[rank].at("files");
    for (const auto& [file, entry] : now.items()) {
      if (!before.contains(file) || !alike(before.at(file), entry)) refuse(rank, "another " + file);
    }
    for (const auto& [file, entry] : before.items()) {
      if (!now.contains(file)) refuse(rank, "no " + file + ", which is another set of files");
    }
  }
}

}  // namespace rrpo::train
