#include "rrpo_eval_commands.h"

#include "app_decode.h"
#include "app_record.h"
#include "app_streams.h"
#include "rrpo/data/answers.h"
#include "rrpo/data/media.h"
#include "rrpo/eval/ask.h"
#include "rrpo/eval/compare.h"
#include "rrpo/eval/predict.h"
#include "rrpo/eval/score.h"
#include "rrpo/io/atomic.h"
#include "rrpo/policy/hub.h"
#include "rrpo/rows/scored.h"
#include "rrpo/util/log.h"
#include "rrpo/util/ranks.h"
#include "rrpo/util/stop.h"
#include "rrpo/util/table.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

std::vector<rows::Question> read_questions(const fs::path& file) {
  std::vector<rows::Question> questions = rows::read_questions(file);
  if (questions.empty())
    throw Error(Fault::input, "data", file.string() + ": holds no question", "write one JSON object per line");
  return questions;
}

/// What --dry-run of the main job says.
Json plan(const eval::EvalConfig& config, const std::vector<rows::Question>& questions) {
  const std::vector<data::VideoQuestions> videos = data::group_by_video(questions);
  for (const data::VideoQuestions& video : videos)
    data::media_files(video.media, eval::media_root(config.eval), config.video.follow_links);
  policy::open_shapes(config.model, config.device);
  return {{"questions", questions.size()},
          {"videos", videos.size()},
          {"frames", config.video.frames},
          {"max_new_tokens", config.eval.max_new_tokens}};
}

/// What replies are scored with, and what the reports are headed with.
struct Scoring {
  std::vector<std::string> scorers;
  std::string title;
  Json config;
  eval::Clips clips{};   ///< frames of mistakes
  int64_t examples = 0;  ///< how many mistakes are shown with them
};

/// The numbers of the first scorer, and its verdicts.
struct Scored {
  eval::Scores scores;
  std::vector<rows::Scored> verdicts;
};

/// verdicts.jsonl, scores.json, report.md and report.html.
Scored write_scores(const Scoring& scoring, const std::vector<rows::Question>& questions,
                    const std::vector<rows::Prediction>& predictions, const fs::path& out) {
  std::vector<eval::Scores> all;
  std::vector<rows::Scored> first;
  std::string lines;
  for (const std::string& name : scoring.scorers) {
    const rows::Scorer& scorer = *find_row(rows::scorers(), name);
    std::vector<rows::Scored> verdicts = rows::score_predictions(scorer, questions, predictions);
    for (const rows::Scored& row : verdicts) lines += json_line(rows::scored_json(row)) + "\n";
    all.push_back(eval::score(scorer, questions, verdicts));
    if (all.size() == 1) first = std::move(verdicts);
  }
  io::write_file(out / "verdicts.jsonl", lines);
  io::write_json(out / "scores.json", eval::scores_json(all));
  io::write_file(out / "report.md", eval::scores_markdown(all.front(), first, scoring.title));
  io::write_file(out / "report.html",
                 eval::scores_page(all.front(), first, scoring.title, scoring.config, scoring.clips, scoring.examples));
  return {all.front(), std::move(first)};
}

/// The error line of an evaluation with failed questions, or with questions that have no prediction.
[[noreturn]] void throw_failed(const Scored& scored) {
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

/// The end of a scored run: record, last line, exit code.
int conclude(const Invocation& call, const Scored& scored, io::RunRecord& record) {
  const eval::Counts& all = scored.scores.all;
  const int exit_code = all.failed > 0 || all.missing > 0 ? static_cast<int>(Fault::budget) : 0;
  Json summary = eval::summary_json(scored.scores);
  record.set_counts(summary);
  record.end(exit_code);
  // Whatever becomes of the output, the run is finished.
  print(report::text_table(eval::scores_table(scored.scores)) + "\n");
  for (const std::string& warning : eval::score_warnings(scored.scores, scored.verdicts)) log_warning(warning);
  summary["out"] = call.out.string();
  finish(summary, exit_code);
  if (exit_code != 0) throw_failed(scored);
  return exit_code;
}

std::string title_of(const eval::EvalConfig& config) {
  return config.model.path.string() + (config.model.adapter ? " + " + config.model.adapter->string() : "") + " on " +
         config.eval.questions.string();
}

/// Predicts what is open and scores all.
int carry_out(const Invocation& call, const eval::EvalConfig& config, const std::vector<rows::Question>& questions,
              io::RunRecord& record) {
  const eval::Predictions made = eval::predict(config, questions, call.out / "predictions.jsonl");
  if (made.stopped) {
    record.set_counts({{"predictions", made.rows.size()}, {"questions", questions.size()}});
    record.end(128 + stop_signal());
    return finish({{"stopped", true}, {"predictions", made.rows.size()}, {"out", call.out.string()}}, 128 + stop_signal());
  }
  const Scoring scoring{{rows::scorers().front().name},
                        title_of(config),
                        config_json(config),
                        eval::clips_of(config, questions),
                        config.eval.examples};
  return conclude(call, write_scores(scoring, questions, made.rows, call.out), record);
}

}  // namespace

int run_eval(const Invocation& call) {
  require_one_process("eval");  // two would answer everything twice, or wait for one lock
  auto config = read_config<eval::EvalConfig>(call.sources);
  policy::find_models(config.model);
  std::vector<fs::path> files = io::model_files(config.model.path, config.model.adapter);
  files.push_back(config.eval.questions);
  io::Inputs inputs = take_inputs(call, files);
  const std::vector<rows::Question> questions = read_questions(config.eval.questions);
  if (call.dry_run || decodes(call))
    return finish_plan(call, plan(config, questions), {questions, eval::media_root(config.eval), config.video});
  const io::OutputFolder folder(
      call.out, call.existing,
      claim_of(call, {"predictions.jsonl", "verdicts.jsonl", "scores.json", "report.md", "report.html"}));
  io::RunHead head = run_head(
      call, folder, config_json(config), std::move(inputs), "predictions.jsonl",
      {.fields = {"threads", "device", "eval.video_root", "eval.examples", "video.max_memory_mb", "video.follow_links"}});
  keep(head, model_folders(config.model));
  note_media(head, call, questions, eval::media_root(config.eval), "predictions.jsonl");
  prove_readable(call, config.model, config.device);
  io::RunRecord record(folder.path(), std::move(head));
  return with_record(call, record, [&] { return carry_out(call, config, questions, record); });
}

int run_score(const Invocation& call) {
  const auto config = read_config<eval::ScoreConfig>(call.sources);
  const fs::path asked = call.words.at("--questions"), said = call.words.at("--predictions");
  io::Inputs inputs = take_inputs(call, {asked, said});
  const std::vector<rows::Question> questions = read_questions(asked);
  const std::vector<rows::Prediction> predictions = rows::read_predictions(said);
  if (call.dry_run) return finish({{"questions", questions.size()}, {"predictions", predictions.size()}}, 0);
  const io::OutputFolder folder(call.out, call.existing,
                                claim_of(call, {"verdicts.jsonl", "scores.json", "report.md", "report.html"}));
  Json settings = config_json(config);
  settings["questions"] = asked.string();
  settings["predictions"] = said.string();
  io::RunRecord record(folder.path(), run_head(call, folder, settings, std::move(inputs), ""));
  const Scoring scoring{config.scorers, said.string() + " on " + asked.string(), settings};
  return with_record(call, record,
                     [&] { return conclude(call, write_scores(scoring, questions, predictions, folder.path()), record); });
}

int run_compare(const Invocation& call) {
  const auto config = read_config<eval::CompareConfig>(call.sources);
  const std::string a = call.words.at("A"), b = call.words.at("B");
  const eval::Comparison comparison =
      eval::compare(eval::open_side(a), eval::open_side(b), static_cast<uint64_t>(config.seed));
  if (!call.out.empty() && !call.dry_run) {
    const std::string json = eval::comparison_json(comparison, a, b).dump(2, ' ', false, Json::error_handler_t::replace);
    io::leave_pages(
        call.out, call.existing, claim_of(call, {}),
        {{"compare.json", json + "\n"},
         {"compare.html", eval::comparison_page(comparison, a, b, eval::clips_of(fs::path(a)), config.examples)}});
  }
  print(report::text_table(eval::comparison_table(comparison)) + "\n" + eval::headline(comparison) +
        "\nexact McNemar over questions: p = " + report::compact(comparison.mcnemar, 3) + "\n");
  for (const std::string& note : eval::comparison_notes(comparison)) print(note + "\n");
  return 0;
}

int run_ask(const Invocation& call) {
  auto config = read_config<eval::AskConfig>(call.sources);
  policy::find_models(config.model);
  const std::string video = call.words.at("--video"), question = call.words.at("QUESTION");
  const auto page = call.words.find("--frames-html");
  if (page != call.words.end()) refuse_existing(page->second);
  video::Frames seen;
  const std::string answer = eval::ask(
      config, video, question, [](const std::string& piece) { print(streamed(piece)); }, &seen);
  print("\n");
  if (page != call.words.end()) io::write_file(page->second, eval::ask_page(video, question, answer, seen));
  return 0;
}

}  // namespace rrpo::apps
