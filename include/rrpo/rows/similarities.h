// How alike two texts are, as a model of sentences has it: read from a file, never guessed.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace rrpo::rows {

/// JSONL rows `{"a": text, "b": text, "similarity": s}` (scripts/benchmarks/similarities.py writes them).
class Similarities {
 public:
  Similarities() = default;
  /// Throws Error(input, "data") for a row of another form, or a similarity outside [-1, 1].
  static Similarities read(const std::filesystem::path& file);

  /// Of two texts in either order; equal ones are 1. Nothing where it is not known.
  std::optional<double> of(const std::string& a, const std::string& b) const;

 private:
  std::map<std::pair<std::string, std::string>, double> known_;
};

}  // namespace rrpo::rows
