// What the language model of gen.llm has to say about a run's responses.
#pragma once

#include <filesystem>
#include <vector>

#include "rrpo/gen/pairs.h"
#include "rrpo/judge/judgements.h"

namespace rrpo::gen {

/// The record that the run in `folder` has used: the file that it replayed, or its own judgements.jsonl; empty where nobody
/// was asked.
judge::Judgements recorded_judgements(const GenConfig& config, const std::filesystem::path& folder);

/// Asks what judging and rewriting lacks (judge::collect_judgements). Nobody is asked, and nothing written, where neither
/// gen.judge nor gen.rewrite is llm, and where gen.llm.replay names a record.
judge::CollectedJudgements collect_judgements(const GenConfig& config, const std::vector<rows::Question>& questions,
                                              const Responses& responses, const std::filesystem::path& file);

/// How many prompts judging and rewriting these questions takes at most, whatever the responses are.
int64_t most_prompts(const GenFields& gen, const std::vector<rows::Question>& questions);

}  // namespace rrpo::gen
