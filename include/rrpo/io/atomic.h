// Results that appear complete or not at all: files and folders written under a temporary name, synced, renamed.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "rrpo/util/json_file.h"

namespace rrpo::io {

/// Writes `bytes` to `file` (temporary name beside it, fsync, rename). Throws Error(environment, "io").
void write_file(const std::filesystem::path& file, std::string_view bytes);
/// The same for JSON, indented by two.
void write_json(const std::filesystem::path& file, const Json& json);

/// Calls `fill(temporary)` for an empty folder beside `folder`, then syncs and renames it: `folder` is complete when it
/// exists. An existing `folder` is replaced.
void write_folder(const std::filesystem::path& folder, const std::function<void(const std::filesystem::path&)>& fill);

/// SHA-256 of a file as lower-case hexadecimal.
std::string file_sha256(const std::filesystem::path& file);
/// SHA-256 of bytes.
std::string sha256(std::string_view bytes);

/// How a program treats an output folder that already holds a result.
enum class Existing { refuse, resume, overwrite };

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

/// Appends whole lines to a JSONL file and flushes each one, so that an interrupted run leaves complete lines
/// (a torn last line of an earlier run is cut off when the file is opened).
class LineWriter {
 public:
  explicit LineWriter(const std::filesystem::path& file);
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;
  ~LineWriter();
  void write(const Json& row);

 private:
  std::filesystem::path file_;
  int descriptor_ = -1;
};

}  // namespace rrpo::io
