#include "app_record.h"

#include <algorithm>
#include <chrono>

#include "rrpo/util/version.h"

namespace rrpo::apps {

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

/// Throws for the first field whose value differs.
void check_same(const Json& before, const Json& now, const std::string& at, const std::vector<std::string>& free) {
  if (before == now || std::find(free.begin(), free.end(), at) != free.end()) return;
  if (!before.is_object() || !now.is_object()) {
    throw Error(Fault::usage, "config", at + ": the earlier run has " + before.dump() + ", this one " + now.dump(),
                "give the first value again, or start anew with --overwrite");
  }
  for (const auto& [key, value] : now.items()) {
    check_same(before.contains(key) ? before.at(key) : Json(), value, at.empty() ? key : at + "." + key, free);
  }
}

}  // namespace

RunRecord::RunRecord(const Invocation& call, const io::OutputFolder& folder, Json config, Rules rules)
    : folder_(folder.path()), rules_(std::move(rules)) {
  if (folder.resumed() && fs::exists(folder_ / kFile)) {
    const Json before = read_json(folder_ / kFile, "run");
    if (before.contains("config")) check_same(before.at("config"), config, "", rules_.free);
  }
  record_ = {{"program", call.program}, {"command", call.command}, {"version", kVersion}, {"started", now_utc()}};
  if (config.contains("seed")) record_["seed"] = config.at("seed");
  record_["config"] = std::move(config);
  save("running", nullptr);
}

RunRecord::~RunRecord() {
  if (concluded_) return;
  try {
    const fs::path partial = folder_ / rules_.partial;
    std::error_code absent;
    const bool empty = !fs::exists(partial, absent) || fs::is_empty(partial, absent);
    if (!empty) {
      save("failed", nullptr);
      return;
    }
    fs::remove(partial, absent);
    fs::remove(folder_ / kFile, absent);
  } catch (const std::exception&) {
    // The fault that ended the run is on its way; this one would hide it.
    return;
  }
}

void RunRecord::write(int exit_code, const Json& counts) {
  const bool stopped = exit_code >= 128;
  for (const fs::path& file : rules_.inputs)
    record_["inputs"][file.string()] = stopped ? Json() : Json(io::file_sha256(file));
  record_["counts"] = counts;
  save(stopped ? "stopped" : "finished", exit_code);
  concluded_ = true;
}

void RunRecord::save(const std::string& state, const Json& exit_code) const {
  Json record = record_;
  record["seconds"] = clock_.seconds();
  record["exit"] = {{"state", state}, {"code", exit_code}};
  io::write_json(folder_ / kFile, record);
}

std::vector<fs::path> model_inputs(const fs::path& folder, const std::optional<fs::path>& adapter) {
  std::vector<fs::path> files;
  add_files(folder, files);
  if (adapter) add_files(*adapter, files);
  std::sort(files.begin(), files.end());
  return files;
}

void refuse_existing(const fs::path& file, const Invocation& call) {
  if (call.existing == io::Existing::overwrite || !fs::exists(file)) return;
  throw Error(Fault::environment, "io", file.string() + ": exists", "--overwrite, or another --out");
}

}  // namespace rrpo::apps
