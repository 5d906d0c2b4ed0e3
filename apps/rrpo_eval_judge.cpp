#include "rrpo_eval_judge.h"

#include "rrpo/util/log.h"
#include "rrpo/util/stop.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

constexpr const char* kFile = "judgements.jsonl";

bool replays(const JudgePart& part) { return !part.judge.fields().llm.replay.empty(); }

}  // namespace

std::optional<JudgePart> judge_part(const Invocation& call, const eval::JudgeFields& fields, const std::string& at,
                                    uint64_t seed) {
  if (!fields.asks()) return std::nullopt;
  const fs::path& replay = fields.llm.replay;
  if (replay.empty()) fields.llm.chat.check_key(at);
  std::error_code absent;
  if (!replay.empty() && call.existing == io::Existing::overwrite && fs::equivalent(replay, call.out / kFile, absent))
    bad_usage("--overwrite would remove " + at + ".replay=" + replay.string(), "another --out, or --resume");
  if (!replay.empty()) judge::read_judgements(replay, /*faults=*/true);
  return JudgePart{eval::Judge(fields), at, seed};
}

std::vector<std::string> judge_results(const std::optional<JudgePart>& part) {
  return part && !replays(*part) ? std::vector<std::string>{kFile} : std::vector<std::string>{};
}

std::vector<fs::path> judge_files(const std::optional<JudgePart>& part) {
  if (!part) return {};
  const fs::path& folder = part->judge.fields().judge_prompts;
  std::vector<fs::path> files = folder.empty() ? std::vector<fs::path>{} : eval::judge_prompt_files(folder);
  add_replay(part, files);
  return files;
}

void add_replay(const std::optional<JudgePart>& part, std::vector<fs::path>& files) {
  if (part && replays(*part)) files.push_back(part->judge.fields().llm.replay);
}

Json judge_plan(const JudgePart& part, int64_t prompts) {
  const io::ChatFields& chat = part.judge.fields().llm.chat;
  return {
      {"model", chat.model}, {"requests_at_most", replays(part) ? 0 : prompts}, {"tries_each_at_most", chat.retries + 1}};
}

Judged judge_replies(const JudgePart& part, const std::vector<rows::Question>& questions,
                     const std::vector<eval::Said>& said, const std::vector<std::string>& scorers, const fs::path& out) {
  Judged judged;
  judged.asked = part.judge.asked(questions, said, scorers);
  if (eval::most_prompts(questions, scorers) == 0)
    log_warning(
        "the judge is asked nothing: it judges replies to TempCompass's questions, for the scorers ours, official, "
        "rrpo and rrpo_longvu");
  judged.heard = eval::hear(part.judge, judged.asked, part.at, part.seed, out / kFile);
  if (!judged.heard.complete) throw Stopped();
  judged.counts = eval::judge_counts(judged.asked, judged.heard.judgements);
  return judged;
}

std::optional<Error> judge_shortfall(const JudgePart& part, const Judged& judged) {
  if (judged.heard.unusable) return judged.heard.unusable;
  const eval::JudgeCounts& counts = judged.counts;
  if (counts.silent == 0) return std::nullopt;
  return Error(Fault::budget, "judge",
               "no reply about " + std::to_string(counts.silent) + " of " + std::to_string(counts.asked) +
                   " (first: " + printable(counts.first_silent) + ")",
               replays(part) ? "replay a record of the same replies, model, prompts and settings" : "--resume asks again");
}

}  // namespace rrpo::apps
