// What an evaluation leaves: verdicts, numbers and pages.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app.h"
#include "rrpo/eval/report.h"
#include "rrpo/io/run_record.h"
#include "rrpo_eval_judge.h"

namespace rrpo::apps {

/// The files that write_evaluation() makes.
const std::vector<std::string>& evaluation_files();

/// Scores and pages of predictions.
struct Scoring {
  std::vector<std::string> scorers;  ///< none: the standard ones
  std::filesystem::path similarities;
  std::optional<eval::RunFacts> facts{};
  eval::Report report;
  /// The same questions about blank and about shuffled clips.
  std::optional<std::pair<std::vector<rows::Prediction>, std::vector<rows::Prediction>>> controls{};
  std::optional<JudgePart> judge{};  ///< of what no rule reads; none: nobody
};

/// An evaluation, and what came of its judge.
struct Evaluated {
  eval::Evaluation evaluation;
  Json judge = nullptr;            ///< who judged, as scores.json has it; null where nobody did
  Json judged = nullptr;           ///< how many replies, as the last line has it
  std::optional<Error> shortfall;  ///< why the judge's part is no success, if so
};

/// Has judged what the scorers leave open (judgements.jsonl), and writes verdicts.jsonl, scores.json, report.md and
/// report.html into `out`. Throws Stopped when a stop signal came before the last judgement.
Evaluated write_evaluation(const Scoring& scoring, const std::vector<rows::Question>& questions,
                           const std::vector<rows::Prediction>& predictions, const std::filesystem::path& out);

/// The end of a scored run: record, tables, last line, exit code. Throws Error(judge) where nobody judged any more, and
/// Error(budget) for failed or missing questions and for replies that the judge is silent about.
int conclude(const Invocation& call, const Evaluated& evaluated, io::RunRecord& record);

}  // namespace rrpo::apps
