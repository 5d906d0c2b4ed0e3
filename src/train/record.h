// run.json: what a run is, what it read, and how it ended.
#pragma once

#include <atomic>
#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include "rrpo/policy/policy.h"
#include "rrpo/util/clock.h"
#include "rrpo/util/json_file.h"

namespace rrpo::train {

/// The files that a model is read from: configuration, tokenizer, weights, and those of its adapter.
std::vector<std::filesystem::path> model_inputs(const policy::ModelConfig& config);

/// Keeps run.json up to date. The inputs are hashed by a thread of its own while the run goes on (weights are large).
class RunRecord {
 public:
  RunRecord(std::filesystem::path out, const std::string& command, Json config, int64_t seed,
            std::vector<std::filesystem::path> inputs);
  RunRecord(const RunRecord&) = delete;
  RunRecord& operator=(const RunRecord&) = delete;
  ~RunRecord();

  void set_counts(Json counts) { counts_ = std::move(counts); }
  /// Writes run.json. `state`: running, finished, stopped or failed. Unless the run goes on, waits for the hashes of a
  /// finished one; a stopped or failed one gives those up that are not there yet (null).
  Json write(const std::string& state, int exit_code, const Json& result);

 private:
  Json hash_inputs(const std::vector<std::filesystem::path>& inputs) const;

  std::filesystem::path out_;
  Json head_, counts_ = Json::object(), hashes_;
  Stopwatch clock_;
  std::atomic<bool> hurry_ = false;
  std::future<Json> hashing_;
};

}  // namespace rrpo::train
