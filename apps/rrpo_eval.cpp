// rrpo-eval: questions and a model to numbers; two evaluations to a comparison; one question to one answer.
#include "app.h"
#include "app_decode.h"
#include "rrpo/eval/benchmark.h"
#include "rrpo/eval/config.h"
#include "rrpo/rows/scorer.h"
#include "rrpo/video/perturbation.h"
#include "rrpo_eval_commands.h"

using namespace rrpo;  // NOLINT: the program itself

namespace {

std::vector<apps::HelpTable> tables() {
  std::vector<apps::HelpTable> all = apps::common_tables();
  apps::HelpTable benchmarks{"benchmarks (eval.benchmark; rrpo-eval benchmarks says more)", {}};
  for (const eval::Benchmark& one : eval::benchmarks()) benchmarks.rows.push_back({one.name, one.size, {}});
  all.push_back(std::move(benchmarks));
  all.push_back(apps::help_table("scorers (eval.scorers)", rows::scorers()));
  all.push_back(apps::help_table("perturbations (eval.perturb)", video::perturbations(),
                                 [](const video::Perturbation& row) { return row.parameters; }));
  return all;
}

template <class Config>
apps::Command command(std::string name, std::string help, int (*run)(const apps::Invocation&), std::string example) {
  apps::Command out{.name = std::move(name), .help = std::move(help), .arguments = {}, .flags = {}};
  out.fields = describe<Config>;
  out.run = run;
  out.example = std::move(example);
  out.resolved = apps::resolved<Config>;
  return out;
}

/// Questions and a model to numbers, whole or by halves and parts.
std::vector<apps::Command> runs() {
  apps::Command whole = command<eval::EvalConfig>(
      "", "Answer every question of eval.questions or eval.benchmark and score the answers.", apps::run_eval,
      "--out after model.path=MODEL model.adapter=run/adapter eval.questions=test.jsonl eval.video_root=videos");
  apps::Command predict =
      command<eval::EvalConfig>("predict", "Answer the questions and score nothing: predictions.jsonl only.",
                                apps::run_predict, "--out said model.path=MODEL eval.benchmark=tvbench eval.root=TVBench");
  whole.flags = predict.flags = {apps::decode_flag()};
  whole.ranks = predict.ranks = true;
  apps::Command score =
      command<eval::ScoreConfig>("score", "Score predictions that are there: no model is needed.", apps::run_score,
                                 "--questions test.jsonl --predictions before/predictions.jsonl --out scored");
  score.flags = {{"--questions", "question rows (JSONL)"},
                 {"--predictions", "predictions.jsonl; a row needs id and raw only"}};
  apps::Command merge =
      command<apps::NoFields>("merge", "Join the shards of a run (eval.shard) and score them: the bytes of one run.",
                              apps::run_eval_merge, "shards/0-of-2 shards/1-of-2 --out result");
  merge.arguments = {{.name = "DIR", .help = "the folders of all shards", .repeats = true}};
  return {whole, predict, score, merge};
}

std::vector<apps::Command> benchmark_commands() {
  apps::Command list = command<apps::NoFields>(
      "benchmarks", "List the benchmarks: what to download and how large it is, scorers, published numbers.",
      apps::run_benchmarks, "tvbench");
  list.arguments = {{"NAME", "one of them; none: all", false}};
  list.needs_out = false;
  apps::Command convert = command<apps::NoFields>(
      "convert", "A benchmark's published files to question rows, with all that is odd or missing counted.",
      apps::run_convert, "tvbench --from TVBench --out tvbench");
  convert.arguments = {{"NAME", "a benchmark (rrpo-eval benchmarks lists them)"}};
  convert.flags = {{"--from", "the folder with the published files"},
                   {"--allow-missing", "missing media are no failure", false, false}};
  return {list, convert};
}

/// What one looks at: two evaluations, one question.
std::vector<apps::Command> looks() {
  apps::Command compare = command<eval::CompareConfig>("compare", "Compare two evaluations of the same questions.",
                                                       apps::run_compare, "before after --out comparison");
  compare.arguments = {
      {"A", "output folder of rrpo-eval, its verdicts.jsonl or predictions.jsonl, or a folder of such folders"},
      {"B", "the same of the other model"}};
  compare.flags = {{"--gate", "a level such as 0.05: exit 8 when B is worse at it", false}};
  apps::Command ask = command<eval::AskConfig>("ask", "Ask one question about one video.", apps::run_ask,
                                               "--video clip.mp4 \"What happens?\" model.path=MODEL");
  ask.arguments = {{"QUESTION", "the question, in quotes"}};
  ask.flags = {{"--video", "a video or a picture"},
               {"--frames-html", "write a page with the frames that the model saw", false}};
  compare.needs_out = ask.needs_out = false;
  return {compare, ask};
}

}  // namespace

int main(int argc, char** argv) {
  apps::Program program{"rrpo-eval", "measure a video language model on questions", {}, tables};
  for (const auto& some : {runs(), looks(), benchmark_commands()})
    program.commands.insert(program.commands.end(), some.begin(), some.end());
  return apps::run_program(program, argc, argv);
}
