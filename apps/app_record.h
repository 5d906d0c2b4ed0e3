// run.json of rrpo-gen and rrpo-eval: what a run is, what it read, how it ended.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app.h"
#include "rrpo/util/clock.h"

namespace rrpo::apps {

/// The record of one run in its output folder. Written when the run begins (exit state `running`) and when it ends.
class RunRecord {
 public:
  struct Rules {
    std::vector<std::filesystem::path> inputs;  ///< files to be hashed
    std::string partial;            ///< the file that grows while the run goes on: what a failed run can go on from
    std::vector<std::string> free;  ///< fields (`device`) that may differ between two parts of one run
  };
  /// Throws Error(usage) when `folder` is resumed and its run.json tells of another configuration.
  RunRecord(const Invocation& call, const io::OutputFolder& folder, Json config, Rules rules);
  RunRecord(const RunRecord&) = delete;
  RunRecord& operator=(const RunRecord&) = delete;
  /// A run that ends without write() has failed: the record says so, or goes away where nothing was made yet.
  ~RunRecord();

  /// Writes the last state and the hashes of the inputs.
  void write(int exit_code, const Json& counts);

 private:
  void save(const std::string& state, const Json& exit_code) const;

  std::filesystem::path folder_;
  Json record_;
  Rules rules_;
  Stopwatch clock_;
  bool concluded_ = false;
};

/// The files that a model is read from: configuration, tokenizer, weights, and those of its adapter.
std::vector<std::filesystem::path> model_inputs(const std::filesystem::path& folder,
                                                const std::optional<std::filesystem::path>& adapter);

/// Throws Error(environment) when `file` exists and `call` does not say --overwrite.
void refuse_existing(const std::filesystem::path& file, const Invocation& call);

}  // namespace rrpo::apps
