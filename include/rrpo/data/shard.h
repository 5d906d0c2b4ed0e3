// One run as several processes: each asks the questions of its own videos, and the parts are joined afterwards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/rows/question.h"

namespace rrpo::data {

/// Part `index` of `count`, counted from 0: `gen.shard=0/4`.
struct Shard {
  int64_t index = 0, count = 1;
  std::string name() const;
  bool operator==(const Shard&) const = default;
};

/// Reads `I/N`. Throws Error(usage) naming `at`.
Shard parse_shard(const std::string& text, const std::string& at);

/// The questions of a part, in their order: those of the videos number index, index + count, … in the order in which the
/// videos first appear. A video's questions stay together.
std::vector<rows::Question> shard_questions(const std::vector<rows::Question>& questions, const Shard& shard);

/// The rows of a growing file's parts, each row with the `id` of its question, in the order in which one undisturbed run
/// appends them. Throws Error(input) for a row of no question.
std::string join_rows(const std::vector<std::filesystem::path>& parts, const std::vector<rows::Question>& questions);

}  // namespace rrpo::data
