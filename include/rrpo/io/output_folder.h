// The folder of one run's results.
#pragma once

#include <filesystem>

#include "rrpo/io/existing.h"

namespace rrpo::io {

/// The output folder of one run: created if absent, locked against a second process while this value lives.
/// A folder that already holds a result of ours (`run.json`, `metrics.jsonl`, `checkpoints`, …: the list is in
/// output_folder.cpp) is refused (Error(environment)) unless `existing` says otherwise; `overwrite` removes those results,
/// and nothing else that may lie there. Temporary leftovers of an interrupted run are removed.
class OutputFolder {
 public:
  OutputFolder(const std::filesystem::path& folder, Existing existing);
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  ~OutputFolder();
  const std::filesystem::path& path() const { return path_; }
  /// True when an earlier run left something to go on from.
  bool resumed() const { return resumed_; }

 private:
  std::filesystem::path path_;
  int lock_ = -1;
  bool resumed_ = false;
};

}  // namespace rrpo::io
