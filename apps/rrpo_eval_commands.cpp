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
#include "rrpo/util/ranks.h"
#include "rrpo/util/stop.h"

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
  policy::open_policy(config.model, config.device);
  return {{"questions", questions.size()},
          {"videos", videos.size()},
          {"frames", config.video.frames},
          {"max_new_tokens", config.eval.max_new_tokens}};
}

/// scores.json, report.md and report.html.
eval::Scores write_reports(const eval::EvalConfig& config, const std::vector<rows::Question>& questions,
                           const std::vector<rows::Prediction>& predictions, const fs::path& out) {
  const eval::Scores scores = eval::score(questions, predictions);
  const std::string title = config.model.path.string() +
                            (config.model.adapter ? " + " + config.model.adapter->string() : "") + " on " +
                            config.eval.questions.string();
  io::write_json(out / "scores.json", eval::scores_json(scores));
  io::write_file(out / "report.md", eval::scores_markdown(scores, title));
  io::write_file(out / "report.html", eval::scores_page(scores, questions, predictions, title, config_json(config),
                                                        eval::clips_of(config, questions), config.eval.examples));
  return scores;
}

/// The error line of an evaluation with failed questions.
[[noreturn]] void throw_failed(const eval::Scores& scores, const std::vector<rows::Prediction>& predictions) {
  std::string first;
  for (const rows::Prediction& row : predictions) {
    if (row.failed() && first.empty()) first = row.id + ": " + row.error.substr(0, row.error.find("; fix: "));
  }
  throw Error(Fault::budget, "eval",
              std::to_string(scores.all.failed) + " of " + std::to_string(scores.all.questions) + " questions failed (" +
                  printable(first, 180) + ")",
              "mend the media and go on with --resume");
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
  const io::OutputFolder folder(call.out, call.existing,
                                claim_of(call, {"predictions.jsonl", "scores.json", "report.md", "report.html"}));
  io::RunHead head = run_head(
      call, folder, config_json(config), std::move(inputs), "predictions.jsonl",
      {.fields = {"threads", "device", "eval.video_root", "eval.examples", "video.max_memory_mb", "video.follow_links"}});
  keep(head, model_folders(config.model));
  note_media(head, call, questions, eval::media_root(config.eval), "predictions.jsonl");
  prove_readable(call, config.model, config.device);
  io::RunRecord record(folder.path(), std::move(head));
  const eval::Predictions made = eval::predict(config, questions, folder.path() / "predictions.jsonl");
  if (made.stopped) {
    record.set_counts({{"predictions", made.rows.size()}, {"questions", questions.size()}});
    record.end(128 + stop_signal());
    return finish({{"stopped", true}, {"predictions", made.rows.size()}, {"out", call.out.string()}}, 128 + stop_signal());
  }
  const eval::Scores scores = write_reports(config, questions, made.rows, folder.path());
  Json summary = eval::scores_json(scores);
  const int exit_code = scores.all.failed > 0 ? static_cast<int>(Fault::budget) : 0;
  record.set_counts(summary);
  record.end(exit_code);
  print(report::text_table(eval::scores_table(scores)) + "\n");         // whatever becomes of it, the run is finished
  for (const char* key : {"by_format", "by_type"}) summary.erase(key);  // the table and scores.json have them
  summary["out"] = call.out.string();
  finish(summary, exit_code);
  if (exit_code != 0) throw_failed(scores, made.rows);
  return exit_code;
}

int run_compare(const Invocation& call) {
  const auto config = read_config<eval::CompareConfig>(call.sources);
  const std::string a = call.words.at("A"), b = call.words.at("B");
  const eval::Comparison comparison =
      eval::compare(eval::open_predictions(a), eval::open_predictions(b), static_cast<uint64_t>(config.seed));
  if (!call.out.empty() && !call.dry_run) {
    const std::string json = eval::comparison_json(comparison, a, b).dump(2, ' ', false, Json::error_handler_t::replace);
    io::leave_pages(
        call.out, call.existing, claim_of(call, {}),
        {{"compare.json", json + "\n"},
         {"compare.html", eval::comparison_page(comparison, a, b, eval::clips_of(fs::path(a)), config.examples)}});
  }
  print(report::text_table(eval::comparison_table(comparison)) + "\n" + eval::headline(comparison) +
        "\nexact McNemar over questions: p = " + report::compact(comparison.mcnemar, 3) + "\n");
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
