#include "rrpo_eval_result.h"

#include <cmath>

#include "app_streams.h"
#include "rrpo/io/atomic.h"
#include "rrpo/rows/scored.h"
#include "rrpo/util/log.h"

namespace rrpo::apps {

namespace {

rows::Aids aids_of(const Scoring& scoring) {
  rows::Aids aids;
  if (!scoring.similarities.empty()) aids.similarities = rows::Similarities::read(scoring.similarities);
  return aids;
}

/// scores.json with what the controls and the judge add to each scorer.
Json scores_of(const eval::Evaluation& evaluation, const Json& judge) {
  std::vector<eval::Scores> scores;
  for (const eval::ScorerResult& result : evaluation.results) scores.push_back(result.scores);
  Json json = eval::scores_json(scores);
  const auto number = [](double value) { return std::isnan(value) ? Json() : Json(value); };
  for (const eval::Control& one : evaluation.controls) {
    json[one.scorer]["extra"]["blank"] = number(one.blank);
    json[one.scorer]["extra"]["shuffled"] = number(one.shuffled);
  }
  for (const eval::ScorerResult& result : evaluation.results) {
    const std::string& scorer = result.scores.scorer;
    if (!judge.is_null() && eval::judged_reply(scorer, "")) json[scorer]["judge"] = judge;
  }
  return json;
}

/// What a judge says about the replies of all passes; nothing where nobody judges.
Judged judged_in(const Scoring& scoring, const std::vector<rows::Question>& questions,
                 const std::vector<rows::Prediction>& predictions, const std::vector<std::string>& names,
                 const std::filesystem::path& out) {
  if (!scoring.judge) return {};
  std::vector<eval::Said> said = {{"clip", &predictions}};
  if (scoring.controls) {
    said.push_back({"blank", &scoring.controls->first});
    said.push_back({"shuffled", &scoring.controls->second});
  }
  return judge_replies(*scoring.judge, questions, said, names, out);
}

eval::Judges judges_of(const Scoring& scoring, const Judged& judged) {
  if (!scoring.judge) return {};
  return [&](const std::string& scorer) { return eval::judge_of(scoring.judge->judge, judged.heard.judgements, scorer); };
}

/// The error line of an evaluation with failed questions, or with questions that have no prediction.
[[noreturn]] void throw_failed(const eval::ScorerResult& scored) {
  const eval::Counts& all = scored.scores.all;
  std::string first;
  for (const rows::Scored& row : scored.verdicts) {
    if (row.judged.verdict != rows::Verdict::failed || !first.empty()) continue;
    first = row.id + ": " + row.judged.reason.substr(0, row.judged.reason.find("; fix: "));
  }
  if (all.failed == 0)
    throw Error(Fault::budget, "eval",
                std::to_string(all.missing) + " of " + std::to_string(all.questions) + " questions have no prediction",
                "predict the rest, then score again");
  throw Error(Fault::budget, "eval",
              std::to_string(all.failed) + " of " + std::to_string(all.questions) + " questions failed (" +
                  printable(first, 180) + ")",
              "mend the media and go on with --resume");
}

}  // namespace

const std::vector<std::string>& evaluation_files() {
  static const std::vector<std::string> files = {"verdicts.jsonl", "scores.json", "report.md", "report.html"};
  return files;
}

Evaluated write_evaluation(const Scoring& scoring, const std::vector<rows::Question>& questions,
                           const std::vector<rows::Prediction>& predictions, const std::filesystem::path& out) {
  const std::vector<std::string> names = scoring.scorers.empty() ? eval::standard_scorers(questions) : scoring.scorers;
  const rows::Aids aids = aids_of(scoring);
  Evaluated evaluated;
  const Judged judged = judged_in(scoring, questions, predictions, names, out);
  const eval::Judges judges = judges_of(scoring, judged);
  eval::Evaluation& evaluation = evaluated.evaluation;
  evaluation = eval::evaluate(questions, predictions, names, aids, judges);
  evaluation.facts = scoring.facts;
  if (scoring.controls)
    evaluation.controls =
        eval::controls_of(evaluation, eval::evaluate(questions, scoring.controls->first, names, aids, judges),
                          eval::evaluate(questions, scoring.controls->second, names, aids, judges));
  if (!judged.asked.empty()) {
    evaluation.judge_note = scoring.judge->judge.note();
    evaluated.judge = eval::judge_json(scoring.judge->judge);
    evaluated.judged = eval::counts_json(judged.counts);
    evaluated.shortfall = judge_shortfall(*scoring.judge, judged);
  }
  std::string lines;
  for (const eval::ScorerResult& result : evaluation.results) {
    for (const rows::Scored& row : result.verdicts) lines += json_line(rows::scored_json(row)) + "\n";
  }
  io::write_file(out / "verdicts.jsonl", lines);
  io::write_json(out / "scores.json", scores_of(evaluation, evaluated.judge));
  io::write_file(out / "report.md", eval::report_markdown(evaluation, scoring.report));
  io::write_file(out / "report.html", eval::report_page(evaluation, scoring.report));
  return evaluated;
}

int conclude(const Invocation& call, const Evaluated& evaluated, io::RunRecord& record) {
  const eval::Evaluation& evaluation = evaluated.evaluation;
  const eval::ScorerResult& first = evaluation.results.front();
  const eval::Counts& all = first.scores.all;
  const bool unusable = evaluated.shortfall && evaluated.shortfall->fault() == Fault::judge;
  const bool short_of_replies = all.failed > 0 || all.missing > 0;
  int exit_code = short_of_replies ? static_cast<int>(Fault::budget) : 0;
  if (unusable || (evaluated.shortfall && !short_of_replies)) exit_code = evaluated.shortfall->exit_code();
  Json summary = eval::summary_json(first.scores);
  if (!evaluated.judged.is_null()) summary["judge"] = evaluated.judged;
  record.set_counts(summary);
  if (unusable) record.fail(exit_code, evaluated.shortfall->what());
  if (!unusable) record.end(exit_code);
  // Whatever becomes of the output, the run is finished.
  print(report::text_table(eval::scores_table(first.scores)) + "\n");
  if (evaluation.results.size() > 1) print(report::text_table(eval::scorer_table(evaluation)) + "\n");
  const eval::PublishedTable published = eval::published_table(evaluation);
  if (!published.rows.empty()) print(report::text_table(eval::published_report(published)));
  for (const std::string& reason : published.unlike) print("  unlike: " + reason + "\n");
  if (!evaluation.controls.empty()) print("\n" + report::text_table(eval::controls_table(evaluation.controls)) + "\n");
  for (const std::string& warning : eval::score_warnings(first.scores, first.verdicts)) log_warning(warning);
  summary["out"] = call.out.string();
  finish(summary, exit_code);
  if (unusable || (evaluated.shortfall && !short_of_replies)) throw Error(*evaluated.shortfall);
  if (exit_code != 0) throw_failed(first);
  return exit_code;
}

}  // namespace rrpo::apps
