// The folder of one run's results, and whose the names in it are.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "rrpo/util/json_file.h"

#include "rrpo/io/existing.h"

namespace rrpo::io {

/// Who asks for an output folder, and for what.
struct Claim {
  std::string program, command;
  std::vector<std::string> names;  ///< that it may write there, files or folders: refused at once where they are not ours
};

struct Ownership;

/// The output folder of one run: created if absent, locked against a second process while this value lives.
///
/// A run owns the names that its run.json records (`outputs`, relative to the folder), and nothing else: a name of the claim
/// that lies there without a record is refused (Error(environment)), whatever `existing` says. Of recorded names, `refuse`
/// refuses, `resume` goes on where run.json is of the same program and command, and `overwrite` lets RunRecord remove them
/// when it begins, so that a fault of the configuration or the inputs comes first. While this value lives, whatever
/// write_file, write_folder and LineWriter make below the folder is recorded before it is made.
class OutputFolder {
 public:
  OutputFolder(const std::filesystem::path& folder, Existing existing, const Claim& claim);
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  ~OutputFolder();
  const std::filesystem::path& path() const { return path_; }
  /// True when an earlier run of this program and command left something to go on from.
  bool resumed() const { return resumed_; }

 private:
  std::filesystem::path path_;
  int lock_ = -1;
  bool resumed_ = false;
  std::shared_ptr<Ownership> own_;
};

/// Records `files` in the run.json of the open output folder that they lie in, before they are made. What lies in none is
/// nobody's concern. Throws Error(environment, "io") for one that is there without a record.
void claim_outputs(const std::vector<std::filesystem::path>& files);

/// Throws Error(environment, "io") unless `folder` may be replaced as a whole: it is absent or empty, or `existing` says
/// overwrite, its run.json is ours, and it holds nothing but what that records and none of `inputs`.
void check_replaceable(const std::filesystem::path& folder, Existing existing,
                       const std::vector<std::filesystem::path>& inputs);

/// A file with its content.
struct Page {
  std::string name;
  std::string bytes;
};

/// Leaves pages in a folder that may be another run's: they are recorded beside its results, or in a run.json of their own.
/// One that is there already is replaced where it is recorded and `existing` says overwrite, else Error(environment, "io").
void leave_pages(const std::filesystem::path& folder, Existing existing, const Claim& claim, const std::vector<Page>& pages);

}  // namespace rrpo::io
