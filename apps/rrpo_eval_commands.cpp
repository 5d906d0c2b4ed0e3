#include "rrpo_eval_commands.h"

#include <charconv>

#include "app_record.h"
#include "app_streams.h"
#include "rrpo/eval/ask.h"
#include "rrpo/eval/compare.h"
#include "rrpo/io/atomic.h"
#include "rrpo/policy/hub.h"
#include "rrpo/rows/scored.h"
#include "rrpo_eval_result.h"

namespace rrpo::apps {

namespace fs = std::filesystem;

namespace {

Json score_plan(const eval::ScoreConfig& config, const std::optional<JudgePart>& judge,
                const std::vector<rows::Question>& questions, const std::vector<rows::Prediction>& predictions) {
  Json plan = {{"questions", questions.size()}, {"predictions", predictions.size()}};
  if (!judge) return plan;
  const auto scorers = config.scorers.empty() ? eval::standard_scorers(questions) : config.scorers;
  int64_t prompts = 0;
  for (const eval::Asked& one : judge->judge.asked(questions, {{"clip", &predictions}}, scorers))
    prompts += static_cast<int64_t>(one.prompts.size());
  plan["llm"] = judge_plan(*judge, prompts);
  return plan;
}

}  // namespace

int run_score(const Invocation& call) {
  const auto config = read_config<eval::ScoreConfig>(call.sources);
  const fs::path asked = call.words.at("--questions"), said = call.words.at("--predictions");
  const std::optional<JudgePart> judge = judge_part(call, config.judging, "llm");
  std::vector<fs::path> files = {asked, said};
  add_replay(judge, files);
  if (!config.similarities.empty()) files.push_back(config.similarities);
  io::Inputs inputs = take_inputs(call, files);
  const std::vector<rows::Question> questions = rows::read_questions(asked);
  if (questions.empty())
    throw Error(Fault::input, "data", asked.string() + ": holds no question", "write one JSON object per line");
  const std::vector<rows::Prediction> predictions = rows::read_predictions(said);
  if (call.dry_run) return finish(score_plan(config, judge, questions, predictions), 0);
  std::vector<std::string> names = evaluation_files(), heard = judge_results(judge);
  names.insert(names.end(), heard.begin(), heard.end());
  const io::OutputFolder folder(call.out, call.existing, claim_of(call, names));
  Json settings = config_json(config);
  settings["questions"] = asked.string();
  settings["predictions"] = said.string();
  io::RunHead head = run_head(
      call, folder, settings, std::move(inputs), heard.empty() ? "" : heard.front(),
      {.fields = {"judge", "judge_prompts", "llm"}, .files = {"llm.replay"}, .known = describe<eval::ScoreConfig>()});
  keep(head, judge_files(judge));
  io::RunRecord record(folder.path(), std::move(head));
  Scoring scoring{config.scorers, config.similarities, std::nullopt, {said.string() + " on " + asked.string(), settings}};
  scoring.judge = judge;
  return with_record(call, record, [&] {
    return conclude(call, write_evaluation(scoring, questions, predictions, folder.path()), record);
  });
}

namespace {

/// --gate P: B must not be worse than A at that level.
std::optional<double> gate_of(const Invocation& call) {
  const auto given = call.words.find("--gate");
  if (given == call.words.end()) return std::nullopt;
  double level = 0;
  const std::string& text = given->second;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), level);
  if (fault != std::errc() || end != text.data() + text.size() || !(level > 0) || !(level < 1))
    bad_usage("--gate " + text + " is no level of significance", "--gate 0.05");
  return level;
}

void pass_gate(const std::optional<double>& gate, const std::string& name, const eval::SignFlip& test) {
  if (!gate || test.mean >= 0 || test.p >= *gate) return;
  throw Error(Fault::budget, "eval",
              "--gate: B is worse" + (name.empty() ? "" : " on " + name) + " (p = " + report::compact(test.p, 3) + ")",
              "see the questions that were lost");
}

std::string dumped(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

int compare_folders(const Invocation& call, const eval::CompareConfig& config, const std::string& a, const std::string& b) {
  const auto runs = eval::compare_runs(a, b, static_cast<uint64_t>(config.seed));
  if (!call.out.empty() && !call.dry_run)
    io::leave_pages(call.out, call.existing, claim_of(call, {}),
                    {{"compare.json", dumped(eval::runs_json(runs, a, b))}, {"compare.html", eval::runs_page(runs, a, b)}});
  print(report::text_table(eval::runs_table(runs)));
  for (const eval::BenchmarkComparison& run : runs) {
    for (const std::string& note : eval::comparison_notes(run.comparison)) print(run.name + ": " + note + "\n");
  }
  const auto gate = gate_of(call);
  for (const eval::BenchmarkComparison& run : runs) pass_gate(gate, run.name, run.comparison.by_video);
  return 0;
}

}  // namespace

int run_compare(const Invocation& call) {
  const auto config = read_config<eval::CompareConfig>(call.sources);
  const std::string a = call.words.at("A"), b = call.words.at("B");
  const std::optional<double> gate = gate_of(call);
  if (!eval::common_runs(a, b).empty()) return compare_folders(call, config, a, b);
  const eval::Comparison comparison =
      eval::compare(eval::open_side(a), eval::open_side(b), static_cast<uint64_t>(config.seed));
  if (!call.out.empty() && !call.dry_run) {
    io::leave_pages(
        call.out, call.existing, claim_of(call, {}),
        {{"compare.json", dumped(eval::comparison_json(comparison, a, b))},
         {"compare.html", eval::comparison_page(comparison, a, b, eval::clips_of(fs::path(a)), config.examples)}});
  }
  print(report::text_table(eval::comparison_table(comparison)) + "\n" + eval::headline(comparison) +
        "\nexact McNemar over questions: p = " + report::compact(comparison.mcnemar, 3) + "\n");
  for (const std::string& note : eval::comparison_notes(comparison)) print(note + "\n");
  pass_gate(gate, "", comparison.by_video);
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
