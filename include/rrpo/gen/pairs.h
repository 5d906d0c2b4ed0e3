// `rrpo-gen`: questions, videos and a model to preference pairs.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rrpo/gen/config.h"
#include "rrpo/judge/dialogue.h"
#include "rrpo/report/table.h"
#include "rrpo/rows/pair.h"
#include "rrpo/rows/question.h"

namespace rrpo::gen {

/// What the model said to one question: a row of responses.jsonl.
struct Response {
  std::string text;
  bool finished = true;  ///< false: cut at gen.max_new_tokens
  Json frames{};         ///< numbers of the frames that it saw, in the order in which it saw them
  std::string pixels{};  ///< hash64 of these frames' bytes, 16 hexadecimal digits
};

/// All that the model said to one question.
struct Said {
  std::vector<Response> samples;    ///< gen.samples, to the video that gen.require takes its mistakes from
  std::optional<Response> clean{};  ///< to the clean video, where gen.require asks about it too
  std::string fault{};              ///< why there is nothing: the video could not be read
};

/// By the id of the question.
using Responses = std::map<std::string, Said>;

/// What asking has brought. Not complete after a stop signal: some is left to ask.
struct Collected {
  Responses responses;
  bool complete = false;
};

/// Asks the questions that `file` (responses.jsonl) lacks rows for and appends them, video by video. Questions of a video
/// that cannot be read have a `fault` and no row: a later call asks them again. Throws Error(usage) when a video that is
/// asked again has other frames than its rows tell of.
Collected collect_responses(const GenConfig& config, const std::vector<rows::Question>& questions,
                            const std::filesystem::path& file);

/// What `file` (responses.jsonl) holds for `questions`; complete where each has all its rows, or a reason in `faults` (by
/// id) why it has none. Throws Error(input) for a row of another question, or of another way to ask.
Collected read_responses(const GenConfig& config, const std::vector<rows::Question>& questions,
                         const std::filesystem::path& file, const std::map<std::string, std::string>& faults = {});

/// Questions that name another clip.
int64_t count_twins(const std::vector<rows::Question>& questions);
/// Throws Error(input) where gen.other is twin and no question names a clip, or the files of one are not there: nobody looks
/// at them while the pairs are made.
void check_twins(const GenConfig& config, const std::vector<rows::Question>& questions);

/// The final state of one question: pair, right, unparsed, failed, unjudged (the language model did not reply),
/// dropped_clean (gen.require), dropped_rewrite, dropped_balance or dropped_limit; in a part of a run (gen.shard) asked or
/// failed.
struct Fate {
  std::string state, reason;
};

/// All of these states in the order in which they are listed.
const std::vector<std::string>& final_states();

struct PairSet {
  std::vector<rows::Pair> pairs;
  std::vector<Fate> fates;  ///< one per question, in their order
};

/// Judges, rewrites and selects: a pure function of its arguments. Pairs stand in the order of the questions. What a
/// language model says comes from `judgements`.
PairSet make_pairs(const GenConfig& config, const std::vector<rows::Question>& questions, const Responses& responses,
                   const judge::Judgements& judgements = {});

/// The first prompt that judging and rewriting this question lacks; nothing when it ends in a state without another one.
std::optional<judge::Prompt> next_prompt(const GenConfig& config, const rows::Question& question, const Said& said,
                                         const judge::QuestionJudgements& judgements);

/// Writes ledger.jsonl: one line per question.
void write_ledger(const std::vector<Fate>& fates, const std::vector<rows::Question>& questions,
                  const std::filesystem::path& out);
/// Writes pairs.jsonl and ledger.jsonl.
void write_pairs(const PairSet& set, const std::vector<rows::Question>& questions, const std::filesystem::path& out);

/// Questions by format and final state; the last line and column are sums.
report::Table fate_table(const PairSet& set, const std::vector<rows::Question>& questions);
Json fate_json(const PairSet& set);

}  // namespace rrpo::gen
