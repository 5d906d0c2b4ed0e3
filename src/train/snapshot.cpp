#include "rrpo/train/snapshot.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "position.h"
#include "rrpo/data/tensor_file.h"
#include "rrpo/io/atomic.h"
#include "rrpo/io/manifest.h"
#include "rrpo/io/run_record.h"
#include "rrpo/model/shards.h"
#include "rrpo/train/learner.h"
#include "rrpo/util/error.h"
#include "rrpo/util/folder.h"
#include "rrpo/util/log.h"
#include "rrpo/util/version.h"

namespace rrpo::train {

namespace fs = std::filesystem;

namespace {

/// A folder under the name of a checkpoint, whatever it holds.
struct Numbered {
  int64_t step = 0;
  fs::path folder;
};

std::vector<Numbered> numbered(const fs::path& out) {
  std::vector<Numbered> found;
  for (const std::string& name : names_in(out / "checkpoints")) {
    const bool is_one = name.starts_with("step-") && name.size() >= 11 && name.size() <= 20 &&
                        name.find_first_not_of("0123456789", 5) == std::string::npos;
    if (is_one) found.push_back({std::stoll(name.substr(5)), out / "checkpoints" / name});
  }
  std::sort(found.begin(), found.end(), [](const Numbered& a, const Numbered& b) { return a.step < b.step; });
  return found;
}

Json state_json(const TrainConfig& config, const Position& position, const Json& inputs) {
  Json state = {{"version", kVersion}, {"seed", config.seed}};
  state.update(position_json(position));
  state["inputs"] = inputs;
  state["config"] = config_json(config);
  return state;
}

/// What state.json says; empty where it is not what state_json() makes of the step in the folder's name.
std::optional<Snapshot> read_state(const Numbered& at) {
  try {
    const Json state = read_json(at.folder / "state.json", "train");
    Snapshot snapshot{at.folder, state.at("config"), state.at("inputs"), read_position(state)};
    const Position& position = snapshot.position;
    const bool sound = state.at("step").is_number_integer() && state.at("steps").is_number_integer() &&
                       position.step == at.step && position.step <= position.steps && snapshot.config.is_object();
    return sound ? std::optional(std::move(snapshot)) : std::nullopt;
  } catch (const Json::exception&) {
    return std::nullopt;
  } catch (const Error& error) {
    if (error.fault() == Fault::environment) throw;  // what the machine lacks says nothing of the file
    return std::nullopt;
  }
}

/// The first fault of a checkpoint as `file: what`, or the checkpoint.
std::string open(const Numbered& at, std::optional<Snapshot>& snapshot) {
  if (const auto fault = io::manifest_fault(at.folder)) return *fault;
  for (const char* name : {"state.json", "trained.safetensors", "optimizer.safetensors"}) {
    if (!fs::exists(at.folder / name)) return std::string(name) + ": missing";
  }
  snapshot = read_state(at);
  return snapshot ? "" : "state.json: is not the state of this step";
}

[[noreturn]] void none_whole(const Numbered& newest, const std::string& fault) {
  const bool older = fault == std::string(io::kManifest) + ": missing" && fs::exists(newest.folder / "state.json");
  const bool has_adapter = older && fs::exists(newest.folder / "adapter");
  throw Error(Fault::input, "train",
              newest.folder.string() + (older ? ": is of a version without manifests and cannot be checked"
                                              : ": is damaged, and no checkpoint is whole (" + fault + ")"),
              std::string("start anew with --overwrite") +
                  (has_adapter ? ", or in another --out with model.adapter=" + (newest.folder / "adapter").string() : ""));
}

/// Where a longer run can begin: the result, else the newest checkpoint's adapter; empty where there is neither.
std::string way_on(const fs::path& out, const TrainConfig& config) {
  const fs::path result = out / (trains_adapter(config.train) ? "adapter" : "model");
  const std::string field = trains_adapter(config.train) ? "model.adapter=" : "model.path=";
  if (fs::exists(result)) return field + result.string();
  const std::vector<Numbered> all = numbered(out);
  if (!trains_adapter(config.train) || all.empty()) return "";
  return field + (all.back().folder / "adapter").string();
}

/// The configuration as far as it decides numbers: who holds which part of a model does not.
Json undivided(Json config) {
  if (!config.contains("model") || !config["model"].is_object()) return config;
  Json& frozen = config["model"]["frozen"];
  if (frozen.is_string()) frozen = model::frozen_name({.nf4 = model::holding_of(frozen.get<std::string>()).nf4});
  return config;
}

}  // namespace

const std::vector<std::string>& free_fields() {
  static const std::vector<std::string> fields = {"train.save_every",
                                                  "train.keep",
                                                  "data.cache",
                                                  "data.cache_memory_mb",
                                                  "data.threads",
                                                  "data.ahead_mb",
                                                  "data.max_skipped",
                                                  "data.equal_media",
                                                  "data.video_root",
                                                  "threads",
                                                  "device",
                                                  "video.max_memory_mb",
                                                  "video.follow_links",
                                                  "video.verify",
                                                  "train.recompute",
                                                  "train.fit",
                                                  "train.memory_gb",
                                                  "train.reference_cache",
                                                  "train.self_check"};
  return fields;
}

void save_snapshot(const fs::path& out, policy::Policy& policy, const AdamW& optimizer, const TrainConfig& config,
                   const Position& position, const Json& inputs) {
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
    io::write_json(folder / "state.json", state_json(config, position, inputs));
    io::write_manifest(folder);
  });
  const std::vector<Numbered> all = numbered(out);
  for (size_t i = 0; i + static_cast<size_t>(config.train.keep) < all.size(); ++i) {
    std::error_code ignored;  // an old checkpoint that cannot be removed harms nobody
    fs::remove_all(all[i].folder, ignored);
  }
}

namespace {

/// With the defaults of its objective, which an earlier run may have left out.
Json resolved(Json config) {
  if (config.contains("objective")) config["objective"] = loss::make_objective(config["objective"]).config;
  return config;
}

}  // namespace

void check_same_run(const Json& config_before, const TrainConfig& config, const fs::path& out) {
  const Json now = undivided(resolved(config_json(config))),
             before = undivided(resolved(io::with_defaults(config_before, now, describe<TrainConfig>())));
  const std::optional<io::ConfigDifference> found = io::config_difference(before, now, free_fields());
  if (!found) return;
  const std::string way = way_on(out, config);
  if (way.empty() || (found->field != "train.steps" && found->field != "train.epochs"))
    io::check_same_config(before, now, free_fields());
  throw Error(Fault::usage, "config",
              found->field + ": the earlier run has " + found->before.dump() + ", this one " + found->now.dump() +
                  "; the rates of a run follow from its length",
              "go on in a new --out, without --resume: " + way);
}

std::optional<Snapshot> newest_snapshot(const fs::path& out) {
  const std::vector<Numbered> all = numbered(out);
  if (all.empty()) return std::nullopt;
  std::optional<Snapshot> snapshot;
  std::vector<std::string> faults;  // of the newest, of the one before it, …
  for (size_t i = all.size(); i > 0 && !snapshot; --i) {
    const std::string fault = open(all[i - 1], snapshot);
    if (!fault.empty()) faults.push_back(fault);
  }
  if (!snapshot) none_whole(all.back(), faults.front());
  for (size_t i = 0; i < faults.size(); ++i) {
    log_warning(all[all.size() - 1 - i].folder.string() + ": is damaged (" + faults[i] + ") and removed; " +
                snapshot->folder.filename().string() + " is whole and used");
  }
  return snapshot;
}

void load_snapshot(const Snapshot& snapshot, AdamW& optimizer) {
  const fs::path file = snapshot.folder / "trained.safetensors", moments = snapshot.folder / "optimizer.safetensors";
  const data::TensorMap trained = data::load_tensors(file);
  const at::NoGradGuard frozen;
  for (const model::NamedTensor& weight : optimizer.parameters()) {
    const auto found = trained.find(weight.name);
    if (found == trained.end() || found->second.sizes() != weight.tensor->sizes()) {
      throw Error(Fault::input, "weights", file.string() + "#" + weight.name + ": missing or of another shape",
                  "go on from another checkpoint, or start anew with --overwrite");
    }
    weight.tensor->copy_(found->second);
  }
  optimizer.set_state(data::load_tensors(moments), moments.string());
}

void remove_later_snapshots(const fs::path& out, int64_t step) {
  for (const Numbered& at : numbered(out)) {
    std::error_code ignored;  // one that stays is damaged, and is warned of again
    if (at.step > step) fs::remove_all(at.folder, ignored);
  }
}

}  // namespace rrpo::train
