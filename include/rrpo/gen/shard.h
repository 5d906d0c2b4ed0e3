// One run as several processes: each asks the questions of its own videos; selection happens when the parts are joined.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "rrpo/gen/pairs.h"
#include "rrpo/rows/question.h"

namespace rrpo::gen {

/// Part `index` of `count`, counted from 0: `gen.shard=0/4`.
struct Shard {
  int64_t index = 0, count = 1;
  std::string name() const;
  bool operator==(const Shard&) const = default;
};

/// Reads `I/N`. Throws Error(usage) naming `at`.
Shard parse_shard(const std::string& text, const std::string& at = "gen.shard");

/// The questions of a part, in their order: those of the videos number index, index + count, … in the order in which the
/// videos first appear. A video's questions stay together.
std::vector<rows::Question> shard_questions(const std::vector<rows::Question>& questions, const Shard& shard);

/// The files that a run appends row upon row, each row with the `id` of its question: merge joins every one of them.
const std::vector<std::string>& growing_files();

/// The rows of a growing file's parts in the order in which one undisturbed run appends them. Throws Error(input) for a row
/// of no question.
std::string join_rows(const std::vector<std::filesystem::path>& parts, const std::vector<rows::Question>& questions);

/// The states of a part's questions: asked, or failed with its reason. Which of them become pairs, only all parts together
/// can say.
std::vector<Fate> asked_fates(const std::vector<rows::Question>& questions, const Responses& responses);

/// The reasons of the questions that a ledger calls failed, by id.
std::map<std::string, std::string> failed_questions(const std::filesystem::path& ledger);

}  // namespace rrpo::gen
