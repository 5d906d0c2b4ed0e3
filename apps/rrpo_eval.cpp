// rrpo-eval: questions and a model to numbers; two evaluations to a comparison; one question to one answer.
#include "app.h"
#include "app_decode.h"
#include "rrpo/eval/config.h"
#include "rrpo_eval_commands.h"

using namespace rrpo;  // NOLINT: the program itself

int main(int argc, char** argv) {
  apps::Program program{"rrpo-eval", "measure a video language model on questions", {}, apps::common_tables};
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
  program.commands.push_back({.name = "compare",
                              .help = "Compare two evaluations of the same questions.",
                              .arguments = {{"A", "output folder of rrpo-eval, or its verdicts.jsonl or predictions.jsonl"},
                                            {"B", "the same of the other model"}},
                              .flags = {},
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
  return apps::run_program(program, argc, argv);
}
