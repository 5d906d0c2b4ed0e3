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

}  // namespace

int main(int argc, char** argv) {
  apps::Program program{"rrpo-eval", "measure a video language model on questions", {}, tables};
  program.commands.push_back(
      {.name = "",
       .help = "Answer every question of eval.questions and score the answers.",
       .arguments = {},
       .flags = {apps::decode_flag()},
       .needs_out = true,
       .fields = describe<eval::EvalConfig>,
       .run = apps::run_eval,
       .tables = {},
       .example = "--out after model.path=MODEL model.adapter=run/adapter eval.questions=test.jsonl eval.video_root=videos",
       .resolved = apps::resolved<eval::EvalConfig>});
  program.commands.push_back({.name = "predict",
                              .help = "Answer the questions and score nothing: predictions.jsonl only.",
                              .arguments = {},
                              .flags = {apps::decode_flag()},
                              .needs_out = true,
                              .fields = describe<eval::EvalConfig>,
                              .run = apps::run_predict,
                              .tables = {},
                              .example = "--out said model.path=MODEL eval.benchmark=tvbench eval.root=TVBench",
                              .resolved = apps::resolved<eval::EvalConfig>});
  program.commands.push_back({.name = "score",
                              .help = "Score predictions that are there: no model is needed.",
                              .arguments = {},
                              .flags = {{"--questions", "question rows (JSONL)"},
                                        {"--predictions", "predictions.jsonl; a row needs id and raw only"}},
                              .needs_out = true,
                              .fields = describe<eval::ScoreConfig>,
                              .run = apps::run_score,
                              .tables = {},
                              .example = "--questions test.jsonl --predictions before/predictions.jsonl --out scored",
                              .resolved = apps::resolved<eval::ScoreConfig>});
  program.commands.push_back(
      {.name = "compare",
       .help = "Compare two evaluations of the same questions.",
       .arguments = {{"A",
                      "output folder of rrpo-eval, its verdicts.jsonl or predictions.jsonl, or a folder of such folders"},
                     {"B", "the same of the other model"}},
       .flags = {{"--gate", "a level such as 0.05: exit 8 when B is worse at it", false}},
       .needs_out = false,
       .fields = describe<eval::CompareConfig>,
       .run = apps::run_compare,
       .tables = {},
       .example = "before after --out comparison",
       .resolved = apps::resolved<eval::CompareConfig>});
  program.commands.push_back({.name = "ask",
                              .help = "Ask one question about one video.",
                              .arguments = {{"QUESTION", "the question, in quotes"}},
                              .flags = {{"--video", "a video or a picture"},
                                        {"--frames-html", "write a page with the frames that the model saw", false}},
                              .needs_out = false,
                              .fields = describe<eval::AskConfig>,
                              .run = apps::run_ask,
                              .tables = {},
                              .example = "--video clip.mp4 \"What happens?\" model.path=MODEL",
                              .resolved = apps::resolved<eval::AskConfig>});
  program.commands.push_back(
      {.name = "benchmarks",
       .help = "List the benchmarks: what to download and how large it is, scorers, published numbers.",
       .arguments = {{"NAME", "one of them; none: all", false}},
       .flags = {},
       .needs_out = false,
       .fields = describe<apps::NoFields>,
       .run = apps::run_benchmarks,
       .tables = {},
       .example = "tvbench",
       .resolved = apps::resolved<apps::NoFields>});
  program.commands.push_back(
      {.name = "convert",
       .help = "A benchmark's published files to question rows, with all that is odd or missing counted.",
       .arguments = {{"NAME", "a benchmark (rrpo-eval benchmarks lists them)"}},
       .flags = {{"--from", "the folder with the published files"},
                 {"--allow-missing", "missing media are no failure", false, false}},
       .needs_out = true,
       .fields = describe<apps::NoFields>,
       .run = apps::run_convert,
       .tables = {},
       .example = "tvbench --from TVBench --out tvbench",
       .resolved = apps::resolved<apps::NoFields>});
  program.commands.push_back({.name = "merge",
                              .help = "Join the shards of a run (eval.shard) and score them: the bytes of one run.",
                              .arguments = {{.name = "DIR", .help = "the folders of all shards", .repeats = true}},
                              .flags = {},
                              .needs_out = true,
                              .fields = describe<apps::NoFields>,
                              .run = apps::run_eval_merge,
                              .tables = {},
                              .example = "shards/0-of-2 shards/1-of-2 --out result",
                              .resolved = apps::resolved<apps::NoFields>});
  return apps::run_program(program, argc, argv);
}
