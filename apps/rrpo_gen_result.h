// How the jobs of rrpo-gen end: files, tables, record.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app.h"
#include "rrpo/gen/pairs.h"
#include "rrpo/io/run_record.h"

namespace rrpo::apps {

/// How many questions nobody will judge: open ones without slots where no language model is asked.
int64_t count_unread(const gen::GenConfig& config, const std::vector<rows::Question>& questions);
/// Says so, where there are some.
void warn_of_unread(const gen::GenConfig& config, const std::vector<rows::Question>& questions);

/// The end of a run whose every question was asked: pairs.jsonl, ledger.jsonl, the tables, the last line. Returns the exit
/// code; throws Error(budget) when questions failed, or more than gen.max_unjudged are unjudged.
int conclude_pairs(const Invocation& call, const gen::GenConfig& config, const std::vector<rows::Question>& questions,
                   const gen::Responses& responses, const judge::Judgements& judgements, io::RunRecord& record);

/// The same for a part of a run, which only asks: ledger.jsonl says asked or failed. `all` is the number of questions of the
/// whole run.
int conclude_shard(const Invocation& call, const gen::GenConfig& config, const std::vector<rows::Question>& questions,
                   size_t all, const gen::Responses& responses, io::RunRecord& record);

}  // namespace rrpo::apps
