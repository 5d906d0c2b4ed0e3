// A language model judges the replies that TempCompass's rules cannot read: what it is asked, and what its words are worth.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/eval/config.h"
#include "rrpo/judge/judgements.h"
#include "rrpo/rows/prediction.h"
#include "rrpo/rows/question.h"

namespace rrpo::eval {

/// The wordings of the judge's prompts: ours, TempCompass's own (known by SHA-256), or another one.
enum class Wording { ours, published, other };

/// What the judge reads before question and reply, by task (multi-choice, yes_no, caption_matching, captioning).
struct JudgePrompts {
  std::map<std::string, std::string> base;
  Wording wording = Wording::ours;
  std::vector<std::string> changed{};  ///< files whose text is not the published one
};

/// TASK.txt of all four tasks in `folder`, byte for byte; our own wording where that is empty. Throws Error(input, "judge")
/// for a file that cannot be read or holds nothing.
JudgePrompts read_judge_prompts(const std::filesystem::path& folder);
/// SHA-256 of TempCompass's own wording of a task; empty for another task.
std::string published_wording(const std::string& task);
/// Where they are read from.
std::vector<std::filesystem::path> judge_prompt_files(const std::filesystem::path& folder);

/// The one message of the user to the judge: `base`, the question, and of captions the question that is to be answered from
/// them. `reply` is as a script hands it on.
std::string judge_text(const std::string& base, const rows::Question& question, const std::string& reply);

/// `reply` as the script of `scorer` hands it to the judge: without `</s>` and white space around it, for rrpo a bare
/// capital letter in brackets. Nothing where that scorer asks no judge, or another one than this (lmms, vlmeval).
std::optional<std::string> judged_reply(const std::string& scorer, const std::string& reply);

/// What is said about one reply: right, wrong, or unjudged with a reason where `said` is nullptr (nothing is on record), a
/// fault, or neither `Correct` nor `Incorrect`. The scripts ask up to ten times again and then count the reply as wrong;
/// here one reply is recorded, and what it leaves open does not count.
rows::Judged judge_verdict(const rows::Question& question, const judge::Judgement* said);

/// Replies to questions: `clip`, or of the controls `blank` and `shuffled`.
struct Said {
  std::string on;
  const std::vector<rows::Prediction>* predictions;
};

/// All that a judge is to be asked about one question, no prompt twice.
struct Asked {
  const rows::Question* question;
  std::vector<judge::Prompt> prompts;
};

/// Who judges, and how that is put. Pure but for its construction.
class Judge {
 public:
  /// Reads the prompts, as read_judge_prompts() does.
  explicit Judge(JudgeFields fields);

  /// The prompt about `reply`; nothing where `scorer` reads it by itself, or nobody can be asked about it.
  std::optional<judge::Prompt> prompt(const std::string& scorer, const rows::Question& question, const std::string& reply,
                                      const std::string& on) const;
  /// What the scorers need to know about the replies. `questions` must outlive it.
  std::vector<Asked> asked(const std::vector<rows::Question>& questions, const std::vector<Said>& said,
                           const std::vector<std::string>& scorers) const;
  /// Why numbers with this judge are no published ones, `; ` between the reasons; empty where they may be.
  std::string note() const;

  const JudgeFields& fields() const { return fields_; }
  const JudgePrompts& prompts() const { return prompts_; }

 private:
  JudgeFields fields_;
  JudgePrompts prompts_;
};

/// The most prompts that one pass can need: replies that are not there yet may all be left open.
int64_t most_prompts(const std::vector<rows::Question>& questions, const std::vector<std::string>& scorers);

/// What a judge has said.
struct Hearing {
  judge::Judgements judgements;
  bool complete = true;             ///< false after a stop signal: some is left to ask
  std::optional<Error> unusable{};  ///< nobody could be asked any more: what was said is kept
};

/// Asks `judge` what `file` (judgements.jsonl) has no reply to, and appends; with `llm.replay` nobody is asked. `at` is
/// where the judge's fields stand in the configuration (`eval.llm`).
Hearing hear(const Judge& judge, const std::vector<Asked>& asked, const std::string& at, uint64_t seed,
             const std::filesystem::path& file);

/// How the replies to `asked` turned out: asked = judged + neither + silent.
struct JudgeCounts {
  int64_t asked = 0, judged = 0;
  int64_t neither = 0;       ///< replies that say neither right nor wrong
  int64_t silent = 0;        ///< prompts without a reply
  std::string first_silent;  ///< the first of them, with the reason
};
JudgeCounts judge_counts(const std::vector<Asked>& asked, const judge::Judgements& judgements);

/// Who judged, for scores.json: `{"model", "wording", "prompts": {task: SHA-256}}`.
Json judge_json(const Judge& judge);
/// `{"asked", "judged", "neither", "silent"}`, of all scorers together.
Json counts_json(const JudgeCounts& counts);

/// The judge's verdicts as rows::Aids takes them, for one scorer. Both must outlive it.
using JudgeOf = std::function<std::optional<rows::Judged>(const rows::Question&, const std::string& reply)>;
JudgeOf judge_of(const Judge& judge, const judge::Judgements& judgements, const std::string& scorer);

}  // namespace rrpo::eval
