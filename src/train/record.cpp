#include "record.h"

#include <algorithm>
#include <chrono>

#include "rrpo/io/atomic.h"
#include "rrpo/util/version.h"

namespace rrpo::train {

namespace fs = std::filesystem;

namespace {

void add_files(const fs::path& folder, std::vector<fs::path>& files) {
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder, absent)) {
    const std::string kind = entry.path().extension().string();
    const bool wanted = kind == ".json" || kind == ".safetensors" || kind == ".jinja" || kind == ".txt" || kind == ".model";
    if (wanted && entry.is_regular_file()) files.push_back(entry.path());
  }
}

std::string now_utc() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32] = {};
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

std::vector<fs::path> model_inputs(const policy::ModelConfig& config) {
  std::vector<fs::path> files;
  add_files(config.path, files);
  if (config.adapter) add_files(*config.adapter, files);
  std::sort(files.begin(), files.end());
  return files;
}

RunRecord::RunRecord(fs::path out, const std::string& command, Json config, int64_t seed, std::vector<fs::path> inputs)
    : out_(std::move(out)) {
  head_ = {{"program", "rrpo-train"}, {"command", command}, {"version", kVersion},
           {"started", now_utc()},    {"seed", seed},       {"config", std::move(config)}};
  hashing_ = std::async(std::launch::async, [this, inputs = std::move(inputs)] { return hash_inputs(inputs); });
}

RunRecord::~RunRecord() {
  hurry_ = true;
  if (hashing_.valid()) hashing_.wait();
}

Json RunRecord::hash_inputs(const std::vector<fs::path>& inputs) const {
  Json hashes = Json::object();
  for (const fs::path& file : inputs) hashes[file.string()] = hurry_ ? Json() : Json(io::file_sha256(file));
  return hashes;
}

Json RunRecord::write(const std::string& state, int exit_code, const Json& result) {
  if (state != "running") {
    hurry_ = state != "finished";
    if (hashing_.valid()) hashes_ = hashing_.get();
  }
  Json run = head_;
  run["inputs"] = hashes_;
  run["counts"] = counts_;
  run["seconds"] = clock_.seconds();
  run["exit"] = {{"state", state}, {"code", exit_code}};
  run["result"] = result;
  io::write_json(out_ / "run.json", run);
  return run;
}

}  // namespace rrpo::train
