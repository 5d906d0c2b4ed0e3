// The judge of rrpo-eval: ready before a run begins, heard when all replies are there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app.h"
#include "rrpo/eval/evaluation.h"
#include "rrpo/eval/judging.h"

namespace rrpo::apps {

/// Who judges in a run.
struct JudgePart {
  eval::Judge judge;
  std::string at;  ///< where its `llm` stands in the configuration
  uint64_t seed = 42;
};

/// The judge of a configuration; nothing where nobody judges. Throws Error where nobody could be asked, a prompt or what is
/// to be replayed cannot be read, and where --overwrite would remove that first.
std::optional<JudgePart> judge_part(const Invocation& call, const eval::JudgeFields& fields, const std::string& at,
                                    uint64_t seed = 42);

/// The file that a judge's replies go to; none where nobody is asked.
std::vector<std::string> judge_results(const std::optional<JudgePart>& part);
/// What a judge reads beside questions and replies: the wording of a user, and what is replayed.
std::vector<std::filesystem::path> judge_files(const std::optional<JudgePart>& part);
/// What is replayed, as an input of the run.
void add_replay(const std::optional<JudgePart>& part, std::vector<std::filesystem::path>& files);

/// What --dry-run says of `prompts` requests.
Json judge_plan(const JudgePart& part, int64_t prompts);

/// What came of a run's judge.
struct Judged {
  std::vector<eval::Asked> asked;
  eval::Hearing heard;
  eval::JudgeCounts counts;
};

/// Asks about all that `scorers` leave open; throws Stopped after a stop signal. What nobody replied to stays unjudged.
Judged judge_replies(const JudgePart& part, const std::vector<rows::Question>& questions,
                     const std::vector<eval::Said>& said, const std::vector<std::string>& scorers,
                     const std::filesystem::path& out);

/// Why a run whose judge did not reply to everything is no success, if so: it was unusable, or some replies are missing.
std::optional<Error> judge_shortfall(const JudgePart& part, const Judged& judged);

}  // namespace rrpo::apps
