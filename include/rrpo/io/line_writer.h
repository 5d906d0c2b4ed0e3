// JSONL files that grow by one whole line at a time.
#pragma once

#include <filesystem>

#include "rrpo/util/json_file.h"

namespace rrpo::io {

/// Appends whole lines to a JSONL file and flushes each one, so that an interrupted run leaves complete lines
/// (a torn last line of an earlier run is cut off when the file is opened). The end of the run's record brings them to the
/// disk.
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
