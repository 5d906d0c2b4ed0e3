// run.json: what a run is, what it read, how it ended.
#pragma once

#include <filesystem>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/io/inputs.h"
#include "rrpo/util/clock.h"
#include "rrpo/util/fields.h"
#include "rrpo/util/json_file.h"

namespace rrpo::io {

/// The files that a model is read from: configuration, tokenizer, weights, and those of its adapter.
std::vector<std::filesystem::path> model_files(const std::filesystem::path& folder,
                                               const std::optional<std::filesystem::path>& adapter);

/// A field whose value differs between two configurations.
struct ConfigDifference {
  std::string field;
  Json before, now;
};

/// The first such field. `free` names the fields (`train.keep`) that may differ: they move no number of the result.
std::optional<ConfigDifference> config_difference(const Json& before, const Json& now, const std::vector<std::string>& free);

/// The configuration of an earlier run with the defaults of those of `fields` that `now` has and its version did not know:
/// it did what they say.
Json with_defaults(Json before, const Json& now, const std::vector<FieldHelp>& fields);

/// Throws Error(usage) for the first field whose value differs between two parts of one run, but for those in `free`.
void check_same_config(const Json& before, const Json& now, const std::vector<std::string>& free);

/// What is known of a run when it begins.
struct RunHead {
  std::string program, command;
  Json config;                                   ///< resolved; its `seed`, where it has one, is recorded beside it
  Inputs inputs = {};                            ///< taken before any of them was read
  std::string grows = {};                        ///< the file from which an interrupted run goes on, if there is one
  std::vector<std::filesystem::path> keep = {};  ///< what else the run reads, files and folders: never removed
  Json media = nullptr;                          ///< sizes of the videos and pictures, by their names in the rows
  Json known = Json::object();  ///< other inputs, as Inputs::json() has them, that the parts of this run have noted
};

struct Ownership;

/// Keeps run.json of an output folder up to date: it names the inputs from the start, their hashes as soon as all are there
/// (weights are large, and the run goes on meanwhile), and the results before they are made.
class RunRecord {
 public:
  /// Removes what an earlier run left in an OutputFolder opened to overwrite it, but for inputs: they end the run with
  /// Error(environment). Writes the state `running`. In a folder that no OutputFolder has open, all files become results at
  /// the end.
  RunRecord(std::filesystem::path folder, RunHead head);
  RunRecord(const RunRecord&) = delete;
  RunRecord& operator=(const RunRecord&) = delete;
  /// A run that ends without end() or fail() has failed: the record says so, or goes away with an empty growing file, so
  /// that a fault before the first result leaves nothing behind.
  ~RunRecord();

  void set_counts(Json counts);
  /// Writes the state `finished`, or `stopped` for an exit code of a signal (128 and above), and returns the whole record.
  /// A finished run waits for the hashes; a stopped one gives those up that are not there yet (null): sizes and times have
  /// to do for them.
  Json end(int exit_code, const Json& result = nullptr);
  /// Writes the state `failed` with its error line.
  void fail(int exit_code, const std::string& error);

 private:
  void note_hashes();
  void set_end(const std::string& state, const Json& exit_code, const Json& result);
  Json write();
  Json outputs() const;
  void clear();
  void sync_results();
  void conclude_failed();

  std::filesystem::path folder_;
  RunHead head_;
  std::string started_;
  Json counts_ = Json::object(), exit_, result_;
  std::shared_ptr<Ownership> own_;
  Stopwatch clock_;
  std::mutex mutex_;  // over the file and what is written to it
  bool concluded_ = false;
  std::future<void> hashing_;  // last: its thread uses the others
};

}  // namespace rrpo::io
