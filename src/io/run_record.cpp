#include "rrpo/io/run_record.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "rrpo/io/atomic.h"
#include "rrpo/util/error.h"
#include "rrpo/util/notes.h"
#include "rrpo/util/prefetch.h"
#include "rrpo/util/version.h"

namespace rrpo::io {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFile = "run.json";

std::string now_utc() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32] = {};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

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
  hashing_ = std::async(std::launch::async, [this] { return hash_inputs(); });
}

RunRecord::~RunRecord() {
  hurry_ = true;
  if (concluded_) return;
  try {
    conclude_failed();
  } catch (const std::exception&) {
    // The fault that ended the run is on its way; this one would hide it.
    return;
  }
}

Json RunRecord::end(int exit_code, const Json& result) {
  hurry_ = exit_code >= 128;
  hashes_ = hashing_.get();
  concluded_ = true;
  return write(exit_code >= 128 ? "stopped" : "finished", exit_code, result);
}

void RunRecord::fail(int exit_code, const std::string& error) {
  hurry_ = true;
  concluded_ = true;
  write("failed", exit_code, {{"error", error}});
}

void RunRecord::conclude_failed() {
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

Json RunRecord::hash_inputs() const {
  const auto files = static_cast<int64_t>(head_.inputs.size());
  // Half of the processors at most: the run goes on meanwhile.
  const int64_t threads = std::clamp<int64_t>(std::thread::hardware_concurrency() / 2, 1, 8);
  Prefetch<Json> hashes_of(0, files, threads, files, [this](int64_t i) {
    return hurry_ ? Json() : Json(file_sha256(head_.inputs[static_cast<size_t>(i)]));
  });
  Json hashes = head_.known;
  for (const fs::path& file : head_.inputs) hashes[file.string()] = *hashes_of.next();
  return hashes;
}

Json RunRecord::write(const std::string& state, const Json& exit_code, const Json& result) {
  Json run = {{"program", head_.program}, {"command", head_.command}, {"version", kVersion}, {"started", started_}};
  if (head_.config.contains("seed")) run["seed"] = head_.config.at("seed");
  run["config"] = head_.config;
  run["inputs"] = hashes_;
  run["counts"] = counts_;
  if (const std::vector<std::string> notes = logged_notes(); !notes.empty()) run["notes"] = notes;
  run["seconds"] = clock_.seconds();
  run["exit"] = {{"state", state}, {"code", exit_code}};
  run["result"] = result;
  write_json(folder_ / kFile, run);
  return run;
}

}  // namespace rrpo::io
