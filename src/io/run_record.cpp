#include "rrpo/io/run_record.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "now.h"
#include "ownership.h"
#include "rrpo/util/atomic_file.h"
#include "rrpo/util/descriptor.h"
#include "rrpo/util/error.h"
#include "rrpo/util/folder.h"
#include "rrpo/util/notes.h"
#include "rrpo/util/version.h"

namespace rrpo::io {

namespace fs = std::filesystem;

namespace {

void add_files(const fs::path& folder, std::vector<fs::path>& files) {
  std::error_code broken;  // a link to nothing is no file
  for (const std::string& name : names_in(folder)) {
    if (name == kRunFile) continue;  // of the run that made the folder
    const std::string kind = fs::path(name).extension().string();
    const bool wanted = kind == ".json" || kind == ".safetensors" || kind == ".jinja" || kind == ".txt" || kind == ".model";
    if (wanted && fs::is_regular_file(folder / name, broken)) files.push_back(folder / name);
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

Json with_defaults(Json before, const Json& now, const std::vector<FieldHelp>& fields) {
  for (const FieldHelp& field : fields) {
    std::string path = "/" + field.path;
    std::replace(path.begin(), path.end(), '.', '/');
    const Json::json_pointer at(path);
    const bool new_to_it = now.contains(at) && !before.contains(at);
    if (new_to_it && before.contains(at.parent_pointer()) && before.at(at.parent_pointer()).is_object())
      before[at] = Json::parse(field.standard);
  }
  return before;
}

void check_same_config(const Json& before, const Json& now, const std::vector<std::string>& free) {
  const std::optional<ConfigDifference> found = config_difference(before, now, free);
  if (!found) return;
  throw Error(Fault::usage, "config",
              found->field + ": the earlier run has " + found->before.dump() + ", this one " + found->now.dump(),
              "give the first value again, or start anew with --overwrite");
}

RunRecord::RunRecord(fs::path folder, RunHead head)
    : folder_(std::move(folder)), head_(std::move(head)), started_(now_utc()), own_(ownership_of(folder_)) {
  if (own_) {
    std::vector<fs::path> keep = head_.keep;
    const Json inputs = head_.inputs.so_far();
    for (const auto& [file, unused] : inputs.items()) keep.emplace_back(file);
    check_stale(*own_, keep);
    clear();
  }
  set_end("running", nullptr, nullptr);
  write();
  if (!head_.inputs.ready()) hashing_ = std::async(std::launch::async, [this] { note_hashes(); });
  if (!own_) return;
  // Last: where something above throws, no destructor takes it back.
  const std::lock_guard lock(own_->mutex);
  own_->record = [this] {
    const std::lock_guard mine(mutex_);
    write();
  };
}

RunRecord::~RunRecord() {
  head_.inputs.give_up();
  if (own_) {
    const std::lock_guard lock(own_->mutex);
    own_->record = nullptr;
  }
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
  if (!concluded_) write();
}

Json RunRecord::end(int exit_code, const Json& result) {
  if (exit_code >= 128) head_.inputs.give_up();
  if (hashing_.valid()) hashing_.get();
  sync_results();
  const std::lock_guard lock(mutex_);
  concluded_ = true;
  set_end(exit_code >= 128 ? "stopped" : "finished", exit_code, result);
  return write();
}

void RunRecord::fail(int exit_code, const std::string& error) {
  head_.inputs.give_up();
  const std::lock_guard lock(mutex_);
  concluded_ = true;
  set_end("failed", exit_code, {{"error", error}});
  write();
}

void RunRecord::set_end(const std::string& state, const Json& exit_code, const Json& result) {
  exit_ = {{"state", state}, {"code", exit_code}};
  result_ = result;
}

/// Lines that were appended are on the disk before the record says that they are all.
void RunRecord::sync_results() {
  if (!own_) return;
  std::set<fs::path> growing;
  {
    const std::lock_guard lock(own_->mutex);
    growing = own_->growing;
  }
  for (const fs::path& file : growing) {
    const Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (descriptor.get() < 0 && errno == ENOENT) continue;
    if (descriptor.get() < 0) throw_errno(file, "cannot open");
    sync_file(descriptor.get(), file);
  }
}

/// A fault before the first result leaves nothing behind.
void RunRecord::conclude_failed() {
  concluded_ = true;
  const fs::path grows = folder_ / head_.grows;
  std::error_code absent;
  bool empty = !head_.grows.empty() && (!fs::exists(grows, absent) || fs::is_empty(grows, absent));
  for (const Json& name : own_ ? outputs() : Json::array()) {
    if (name != head_.grows && fs::exists(fs::symlink_status(folder_ / name.get<std::string>(), absent))) empty = false;
  }
  if (!empty) {
    set_end("failed", nullptr, nullptr);
    write();
    return;
  }
  fs::remove(grows, absent);
  fs::remove(folder_ / kRunFile, absent);
}

/// Removes what the earlier run left. Until that is done the record says so, with all its names.
void RunRecord::clear() {
  if (own_->stale.empty()) return;
  set_end(kClearing, nullptr, nullptr);
  write();
  remove_stale(*own_);
}

/// In a folder of its own, which nobody has open, all files are the run's.
Json RunRecord::outputs() const {
  if (!own_) return files_below(folder_);
  const std::lock_guard lock(own_->mutex);
  return own_->stale.empty() ? own_->names : own_->stale;
}

Json RunRecord::write() {
  Json run = {{"program", head_.program}, {"command", head_.command}, {"version", kVersion}, {"started", started_}};
  if (head_.config.contains("seed")) run["seed"] = head_.config.at("seed");
  run["config"] = head_.config;
  run["inputs"] = head_.known;
  run["inputs"].update(head_.inputs.so_far());
  if (!head_.media.is_null()) run["media"] = head_.media;
  run["outputs"] = outputs();
  run["counts"] = counts_;
  if (const std::vector<std::string> notes = logged_notes(); !notes.empty()) run["notes"] = notes;
  run["seconds"] = clock_.seconds();
  run["exit"] = exit_;
  run["result"] = result_;
  write_atomically(folder_ / kRunFile, json_text(run));
  return run;
}

}  // namespace rrpo::io
