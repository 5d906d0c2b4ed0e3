// What became of the questions of a run, as tables and as a page.
#pragma once

#include <string>
#include <vector>

#include "rrpo/gen/pairs.h"
#include "rrpo/report/table.h"

namespace rrpo::gen {

/// A reason without what is its question's own: the remedy, names of files, numbers, letters of options.
std::string reason_kind(const std::string& reason);

/// How many questions have each state for each kind of reason, by state, the most frequent first. At most `lines` rows: the
/// rarest kinds share the last one.
report::Table reason_table(const std::vector<Fate>& fates, size_t lines);

/// Usable mistakes (before balancing and limits) and pairs (after them) by format, for yesno and mcq by true answer.
report::Table balance_table(const std::vector<rows::Question>& questions, const std::vector<Fate>& fates);

/// The page of a run: the tables, its settings, and a few examples of each format and state with their frames. Its size and
/// the number of clips that it decodes are bounded; a clip that cannot be read is said so in its place.
std::string run_report(const GenConfig& config, const std::vector<rows::Question>& questions, const Responses& responses,
                       const PairSet& set);

}  // namespace rrpo::gen
