// Asking the language model of gen.llm: every reply is a line of judgements.jsonl the moment it is there.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/gen/pairs.h"

namespace rrpo::gen {

/// What asking has brought. Not complete after a stop signal: some is left to ask.
struct CollectedJudgements {
  Judgements judgements;
  bool complete = false;
};

/// The replies on record in `file`: one row per prompt of a question; of several the last one counts, and a reply before a
/// fault. Rows of other questions do no harm. Without `faults` prompts that got no reply are not on record.
Judgements read_judgements(const std::filesystem::path& file, bool faults);

/// The record that the run in `folder` has used: the file that it replayed, or its own judgements.jsonl; empty where nobody
/// was asked.
Judgements recorded_judgements(const GenConfig& config, const std::filesystem::path& folder);

/// Asks what judging and rewriting lacks, gen.llm.concurrency questions at a time, each prompt of a question after the reply
/// to the one before, and appends each reply or fault to `file` (judgements.jsonl). What an earlier run left there is not
/// asked again, but for its faults. Nobody is asked, and nothing written, where neither gen.judge nor gen.rewrite is llm.
/// Throws Error(judge) when nobody can be asked: the endpoint refuses, or no request at all, or none of 64 in a row, got a
/// reply; what was said is kept.
CollectedJudgements collect_judgements(const GenConfig& config, const std::vector<rows::Question>& questions,
                                       const Responses& responses, const std::filesystem::path& file);

/// How many prompts judging and rewriting these questions takes at most, whatever the responses are.
int64_t most_prompts(const GenFields& gen, const std::vector<rows::Question>& questions);

}  // namespace rrpo::gen
