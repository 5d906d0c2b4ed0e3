#include "rrpo/train/snapshot.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstdio>

#include "rrpo/data/tensor_file.h"
#include "rrpo/io/atomic.h"
#include "rrpo/io/run_record.h"
#include "rrpo/train/learner.h"
#include "rrpo/util/error.h"
#include "rrpo/util/version.h"

namespace rrpo::train {

namespace fs = std::filesystem;

namespace {

/// Fields that may change between two parts of one run: they move no number of its result.
const std::vector<std::string> kFree = {"train.save_every", "train.keep",       "train.eval_every",
                                        "data.cache",       "data.max_skipped", "data.eval_pairs",
                                        "data.video_root",  "threads",          "device"};

std::vector<fs::path> snapshots(const fs::path& out) {
  std::vector<fs::path> found;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(out / "checkpoints", absent)) {
    const std::string name = entry.path().filename().string();
    const bool numbered =
        name.starts_with("step-") && name.size() >= 11 && name.find_first_not_of("0123456789", 5) == std::string::npos;
    if (numbered && fs::exists(entry.path() / "state.json")) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
    const std::string x = a.filename().string(), y = b.filename().string();
    return x.size() != y.size() ? x.size() < y.size() : x < y;
  });
  return found;
}

Json state_json(const TrainConfig& config, const Position& position) {
  Json skipped = Json::array();
  for (const data::SkippedRow& row : position.skipped) skipped.push_back({{"id", row.id}, {"reason", row.reason}});
  return {{"version", kVersion}, {"step", position.step}, {"steps", position.steps},
          {"seed", config.seed}, {"skipped", skipped},    {"config", config_json(config)}};
}

}  // namespace

void save_snapshot(const fs::path& out, policy::Policy& policy, const AdamW& optimizer, const TrainConfig& config,
                   const Position& position) {
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "step-%06lld", static_cast<long long>(position.step));
  fs::create_directories(out / "checkpoints");
  io::write_folder(out / "checkpoints" / name.data(), [&](const fs::path& folder) {
    data::TensorMap trained;
    for (const model::NamedTensor& weight : optimizer.parameters()) trained[weight.name] = *weight.tensor;
    data::save_tensors(folder / "trained.safetensors", trained);
    data::save_tensors(folder / "optimizer.safetensors", optimizer.state());
    if (trains_adapter(config.train)) {
      fs::create_directory(folder / "adapter");
      model::save_adapter(policy.lvlm, folder / "adapter", config.model.path.string());
    }
    io::write_json(folder / "state.json", state_json(config, position));
  });
  std::vector<fs::path> all = snapshots(out);
  for (size_t i = 0; i + static_cast<size_t>(config.train.keep) < all.size(); ++i) {
    std::error_code ignored;  // an old checkpoint that cannot be removed harms nobody
    fs::remove_all(all[i], ignored);
  }
}

void check_same_run(const Json& config_before, const TrainConfig& config) {
  io::check_same_config(config_before, config_json(config), kFree);
}

std::optional<fs::path> newest_snapshot(const fs::path& out) {
  const std::vector<fs::path> all = snapshots(out);
  if (all.empty()) return std::nullopt;
  return all.back();
}

Position load_snapshot(const fs::path& folder, AdamW& optimizer, const TrainConfig& config) {
  const Json state = read_json(folder / "state.json", "train");
  for (const char* key : {"step", "steps", "skipped", "config"}) {
    if (!state.contains(key))
      throw Error(Fault::input, "train", (folder / "state.json").string() + ": has no " + key,
                  "go on from another checkpoint");
  }
  check_same_run(state.at("config"), config);
  const data::TensorMap trained = data::load_tensors(folder / "trained.safetensors");
  const at::NoGradGuard frozen;
  for (const model::NamedTensor& weight : optimizer.parameters()) {
    const auto found = trained.find(weight.name);
    if (found == trained.end() || found->second.sizes() != weight.tensor->sizes()) {
      throw Error(Fault::input, "weights",
                  (folder / "trained.safetensors").string() + "#" + weight.name + ": missing or of another shape",
                  "go on from another checkpoint, or start anew with --overwrite");
    }
    weight.tensor->copy_(found->second);
  }
  optimizer.set_state(data::load_tensors(folder / "optimizer.safetensors"), (folder / "optimizer.safetensors").string());
  Position position{state.at("step").get<int64_t>(), state.at("steps").get<int64_t>(), {}};
  for (const Json& row : state.at("skipped")) {
    position.skipped.push_back({row.at("id").get<std::string>(), row.at("reason").get<std::string>()});
  }
  return position;
}

}  // namespace rrpo::train
