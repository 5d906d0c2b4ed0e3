#include "rrpo/io/run_record.h"

#include <algorithm>

#include "now.h"
#include "rrpo/io/atomic.h"
#include "rrpo/util/error.h"
#include "rrpo/util/version.h"

namespace rrpo::io {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFile = "run.json";

void add_files(const fs::path& folder, std::vector<fs::path>& files) {
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder, absent)) {
    const std::string kind = entry.path().extension().string();
    const bool wanted = kind == ".json" || kind == ".safetensors" || kind == ".jinja" || kind == ".txt" || kind == ".model";
    if (wanted && entry.is_regular_file()) files.push_back(entry.path());
  }
}

std::optional<ConfigDifference> difference_at(const Json& before, const Json& now, const std::string& at,
                                              const std::vector<std::string>& free) {
  if (before == now || std::find(free.begin(), free.end(), at) != free.end()) return std::nullopt;
  if (!before.is_object() || !now.is_object()) return ConfigDifference{at, before, now};
  Json all = before;
  all.update(now);
  for (const auto& item : all.items()) {
    const std::string& key = item.key();
    auto found = difference_at(before.value(key, Json()), now.value(key, Json()), at.empty() ? key : at + "." + key, free);
    if (found) return found;
  }
  return std::nullopt;
}

}  // namespace

std::vector<fs::path> model_files(const fs::path& folder, const std::optional<fs::path>& adapter) {
  std::vector<fs::path> files;
  add_files(folder, files);
  if (adapter) add_files(*adapter, files);
  std::sort(files.begin(), files.end());
  return files;
}

std::optional<ConfigDifference> config_difference(const Json& before, const Json& now,
                                                  const std::vector<std::string>& free) {
  return difference_at(before, now, "", free);
}

void check_same_config(const Json& before, const Json& now, const std::vector<std::string>& free) {
  const std::optional<ConfigDifference> found = config_difference(before, now, free);
  if (!found) return;
  throw Error(Fault::usage, "config",
              found->field + ": the earlier run has " + found->before.dump() + ", this one " + found->now.dump(),
              "give the first value again, or start anew with --overwrite");
}

RunRecord::RunRecord(fs::path folder, RunHead head)
    : folder_(std::move(folder)), head_(std::move(head)), started_(now_utc()) {
  write("running", nullptr, nullptr);
  if (!head_.inputs.ready()) hashing_ = std::async(std::launch::async, [this] { note_hashes(); });
}

RunRecord::~RunRecord() {
  head_.inputs.give_up();
  if (concluded_) return;
  try {
    const std::lock_guard lock(mutex_);
    conclude_failed();
  } catch (const std::exception&) {
    // The fault that ended the run is on its way; this one would hide it.
    return;
  }
}

void RunRecord::set_counts(Json counts) {
  const std::lock_guard lock(mutex_);
  counts_ = std::move(counts);
}

/// Before the run ends: one that is killed has said what it has read.
void RunRecord::note_hashes() {
  head_.inputs.json();
  const std::lock_guard lock(mutex_);
  if (!concluded_) write("running", nullptr, nullptr);
}

Json RunRecord::end(int exit_code, const Json& result) {
  if (exit_code >= 128) head_.inputs.give_up();
  if (hashing_.valid()) hashing_.get();
  const std::lock_guard lock(mutex_);
  concluded_ = true;
  return write(exit_code >= 128 ? "stopped" : "finished", exit_code, result);
}

void RunRecord::fail(int exit_code, const std::string& error) {
  head_.inputs.give_up();
  const std::lock_guard lock(mutex_);
  concluded_ = true;
  write("failed", exit_code, {{"error", error}});
}

void RunRecord::conclude_failed() {
  concluded_ = true;
  const fs::path grows = folder_ / head_.grows;
  std::error_code absent;
  const bool empty = !head_.grows.empty() && (!fs::exists(grows, absent) || fs::is_empty(grows, absent));
  if (!empty) {
    write("failed", nullptr, nullptr);
    return;
  }
  fs::remove(grows, absent);
  fs::remove(folder_ / kFile, absent);
}

Json RunRecord::write(const std::string& state, const Json& exit_code, const Json& result) {
  Json run = {{"program", head_.program}, {"command", head_.command}, {"version", kVersion}, {"started", started_}};
  if (head_.config.contains("seed")) run["seed"] = head_.config.at("seed");
  run["config"] = head_.config;
  run["inputs"] = head_.known;
  run["inputs"].update(head_.inputs.so_far());
  run["counts"] = counts_;
  run["seconds"] = clock_.seconds();
  run["exit"] = {{"state", state}, {"code", exit_code}};
  run["result"] = result;
  write_json(folder_ / kFile, run);
  return run;
}

}  // namespace rrpo::io
