// What the tests of benchmarks share: made-up releases, a row by its id, a prompt as the oracle hashes it.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "../../src/eval/benchmarks/release.h"
#include "rrpo/eval/benchmark.h"
#include "rrpo/io/sha256.h"
#include "rrpo/util/error.h"
#include "support/temp_dir.h"

namespace rrpo::eval::test_release {

/// False without ffmpeg and python3: then no release can be made.
inline bool has_tools() {
  return std::system("ffmpeg -version > /dev/null 2>&1 && python3 --version > /dev/null 2>&1") == 0;
}

/// A release that scripts/benchmarks/make_media.py has written.
class Made {
 public:
  explicit Made(const std::string& name) : root_(folder_ / name), expected_(folder_ / (name + ".expected.json")) {
    const std::string script = test::source_file("scripts/benchmarks/make_media.py").string();
    const std::string command =
        "python3 -B '" + script + "' '" + folder_.path().string() + "' " + name + " > /dev/null 2>&1";
    done_ = std::system(command.c_str()) == 0;
  }
  bool done() const { return done_; }
  const std::filesystem::path& root() const { return root_; }
  /// What its maker foretells of it.
  Json expected() const { return read_json(expected_, "test"); }

 private:
  test::TempDir folder_;
  std::filesystem::path root_, expected_;
  bool done_ = false;
};

inline Released read(const Benchmark& benchmark, const test::TempDir& folder) {
  Release release(folder.path());
  return benchmark.read(release);
}

/// The exit code and the error of reading what is no release; empty where it is one.
inline std::string fault(const Benchmark& benchmark, const test::TempDir& folder) {
  try {
    read(benchmark, folder);
  } catch (const Error& error) {
    return std::to_string(error.exit_code()) + " " + error.what();
  }
  return "";
}

inline const rows::Question& with_id(const Released& released, const std::string& id) {
  const auto same = [&](const rows::Question& question) { return question.id == id; };
  const auto found = std::find_if(released.questions.begin(), released.questions.end(), same);
  if (found == released.questions.end()) throw std::out_of_range(id);
  return *found;
}

/// As scripts/oracles/prompts.py hashes what the original scripts make of the same row.
inline std::string hash(const Asking& asking) {
  return io::sha256(asking.system + std::string(1, '\0') + asking.text + std::string(1, '\0') + asking.answer_prefix);
}

}  // namespace rrpo::eval::test_release
