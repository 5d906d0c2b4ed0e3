// The parts of a run of rrpo-gen: selection happens when they are joined.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "rrpo/data/shard.h"
#include "rrpo/gen/pairs.h"

namespace rrpo::gen {

/// The files that a run appends row upon row: merge joins every one of them.
const std::vector<std::string>& growing_files();

/// The states of a part's questions: asked, or failed with its reason. Which of them become pairs, only all parts together
/// can say.
std::vector<Fate> asked_fates(const std::vector<rows::Question>& questions, const Responses& responses);

/// The reasons of the questions that a ledger calls failed, by id.
std::map<std::string, std::string> failed_questions(const std::filesystem::path& ledger);

}  // namespace rrpo::gen
