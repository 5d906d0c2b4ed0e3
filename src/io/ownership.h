// Which names below an output folder are the run's own.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "rrpo/util/json_file.h"

namespace rrpo::io {

constexpr const char* kRunFile = "run.json";
constexpr const char* kLockFile = ".lock";

/// What an open output folder knows of its names. They are relative to it, with slashes, files only.
struct Ownership {
  std::filesystem::path root;  ///< without links
  std::mutex mutex;            ///< over the rest
  std::set<std::string> names;
  std::set<std::string> stale;              ///< of the run to be overwritten, until it is removed
  std::set<std::filesystem::path> growing;  ///< files that LineWriter has written to
  std::function<void()> record;             ///< writes the names into run.json
};

/// Makes an open folder known to claim_outputs() and to RunRecord.
void open_ownership(const std::shared_ptr<Ownership>& own);
void close_ownership(const std::shared_ptr<Ownership>& own);
/// That of an open folder, or null.
std::shared_ptr<Ownership> ownership_of(const std::filesystem::path& folder);

/// run.json of a folder where a run of ours wrote it; null where there is none. Throws Error(environment, "io") where it is
/// somebody else's.
Json own_record(const std::filesystem::path& folder);

/// The names that a record tells. Throws Error(environment, "io") for one that leads out of the folder.
std::set<std::string> recorded_names(const Json& record, const std::filesystem::path& folder);

/// The files and links below `place`, itself if it is one, relative to `root`, that are neither in `names` nor of our own
/// housekeeping. The first one only.
std::string first_foreign(const std::filesystem::path& root, const std::filesystem::path& place,
                          const std::set<std::string>& names);

/// The names of all files below a folder, relative to it, but run.json.
std::vector<std::string> files_below(const std::filesystem::path& folder);

/// Records what a whole folder holds (`names` below it). Throws Error(environment, "io") where it is there already and holds
/// something without a record.
void claim_folder(const std::filesystem::path& folder, const std::vector<std::string>& names);

/// Remembers a file that has to be brought to the disk before its run ends.
void note_growing(const std::filesystem::path& file);

/// A JSON file's content, indented by two.
std::string json_text(const Json& json);

/// The state of a run.json whose earlier results are being removed: a run that is killed meanwhile leaves nothing to go on
/// from.
constexpr const char* kClearing = "clearing";

/// Throws Error(environment, "io") where one of `inputs` is among the stale names, or is a folder that one of them lies in.
void check_stale(const Ownership& own, const std::vector<std::filesystem::path>& inputs);

/// Removes the stale names and the folders that become empty.
void remove_stale(Ownership& own);

[[noreturn]] void throw_not_ours(const std::filesystem::path& file);

}  // namespace rrpo::io
