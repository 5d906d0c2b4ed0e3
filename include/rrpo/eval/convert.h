// A benchmark's published files to question rows, with everything that a person would want to know about them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "rrpo/eval/benchmark.h"
#include "rrpo/report/table.h"

namespace rrpo::eval {

/// What a folder holds of a benchmark.
struct Conversion {
  const Benchmark* benchmark = nullptr;
  std::vector<rows::Question> questions;  ///< media relative to `root`
  std::filesystem::path root;             ///< absolute
  std::map<std::string, int64_t> odd;     ///< rows by kind of oddity
  std::vector<std::string> notes;
  std::map<std::string, std::string> files;  ///< annotation files: sha256
  std::string revision;                      ///< what these hashes are known to be; says so where they are not
  std::vector<std::string> missing_media;    ///< paths
  int64_t missing_questions = 0;             ///< about these
};

/// Reads `root`. Throws Error(usage) where it is no folder, Error(input) where it does not hold the benchmark.
Conversion convert(const Benchmark& benchmark, const std::filesystem::path& root);

/// convert.json.
Json conversion_json(const Conversion& conversion);
/// Questions and videos by task.
report::Table conversion_table(const Conversion& conversion);
/// One line for each thing that is odd, left out or missing.
std::vector<std::string> conversion_notes(const Conversion& conversion);

/// The name of a revision by the hash of one of its annotation files; empty where it is not known.
std::string known_revision(const std::string& benchmark, const std::string& sha256);

}  // namespace rrpo::eval
