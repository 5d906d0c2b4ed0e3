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

/// The questions of a part, in their order. A video's questions stay together. The videos are dealt out by their work, the
/// largest first and each to the part that has the least: questions times seconds of their clips where every question says
/// how long its clip is, else questions. Videos of equal work go round the parts in the order in which they first appear.
/// Where `together` neighbouring videos are answered together, that is said of blocks of so many: no part cuts one.
std::vector<rows::Question> shard_questions(const std::vector<rows::Question>& questions, const Shard& shard,
                                            int64_t together = 1);

/// The rows of a growing file's parts, each row with the `id` of its question, in the order in which one undisturbed run
/// appends them. Throws Error(input) for a row of no question.
std::string join_rows(const std::vector<std::filesystem::path>& parts, const std::vector<rows::Question>& questions);

}  // namespace rrpo::data
