// rrpo-gen: questions, videos and a model to preference pairs; small video worlds; pairs as a page.
#include "app.h"
#include "app_decode.h"
#include "rrpo/gen/config.h"
#include "rrpo/gen/judge.h"
#include "rrpo/gen/rewrite.h"
#include "rrpo/gen/scenes.h"
#include "rrpo/rows/foreign.h"
#include "rrpo/video/perturbation.h"
#include "rrpo_gen_commands.h"
#include "rrpo_gen_earlier.h"

using namespace rrpo;  // NOLINT: the program itself

namespace {

std::vector<apps::HelpTable> tables() {
  std::vector<apps::HelpTable> all = apps::common_tables();
  all.push_back(apps::help_table("perturbations (gen.perturb)", video::perturbations(),
                                 [](const video::Perturbation& row) { return row.parameters; }));
  all.push_back(apps::help_table("judges (gen.judge)", gen::judges()));
  all.push_back(apps::help_table("rewrites (gen.rewrite)", gen::rewrites()));
  return all;
}

std::vector<apps::HelpTable> import_tables() {
  return {apps::help_table("formats (format), in the order in which they are tried", rows::foreign_formats())};
}

}  // namespace

int main(int argc, char** argv) {
  apps::Program program{"rrpo-gen", "preference pairs from a model's own mistakes", {}, tables};
  program.commands.push_back(
      {.name = "",
       .help = "Perturb each video, let the model answer, keep its mistakes as preference pairs; report.html shows them.",
       .arguments = {},
       .flags = {apps::decode_flag()},
       .needs_out = true,
       .fields = describe<gen::GenConfig>,
       .run = apps::run_gen,
       .tables = {},
       .example = "--out pairs model.path=MODEL gen.questions=questions.jsonl gen.video_root=videos",
       .resolved = apps::resolved<gen::GenConfig>,
       .ranks = true});
  program.commands.push_back(
      {.name = "merge",
       .help = "Join the shards of a run (gen.shard) and make its pairs: the bytes of one undisturbed run.",
       .arguments = {{.name = "DIR", .help = "the folders of all shards", .repeats = true}},
       .flags = {},
       .needs_out = true,
       .fields = describe<apps::Places>,
       .run = apps::run_merge,
       .tables = {},
       .example = "shards/0-of-2 shards/1-of-2 --out pairs",
       .resolved = apps::resolved<apps::Places>});
  program.commands.push_back(
      {.name = "replay",
       .help = "Make one pair of a run again, with its perturbation, seed and draws; exit 8 unless the bytes are the same.",
       .arguments = {{"RUN_DIR", "the folder of the run"}},
       .flags = {{"--id", "the pair's id"}},
       .needs_out = true,
       .fields = describe<apps::Places>,
       .run = apps::run_replay,
       .tables = {},
       .example = "pairs --id ID --out again",
       .resolved = apps::resolved<apps::Places>});
  program.commands.push_back({.name = "scenes",
                              .help = "Make a small video world: clips and questions with known answers.",
                              .arguments = {},
                              .flags = {},
                              .needs_out = true,
                              .fields = describe<gen::ScenesConfig>,
                              .run = apps::run_scenes,
                              .tables = {},
                              .example = "--out world count=100 seed=1",
                              .resolved = apps::resolved<gen::ScenesConfig>});
  program.commands.push_back({.name = "import",
                              .help = "Rows of other programs as pairs or questions; says what it recognised.",
                              .arguments = {{"FILE", "a JSON array or JSONL"}},
                              .flags = {},
                              .needs_out = true,
                              .fields = describe<gen::ImportConfig>,
                              .run = apps::run_import,
                              .tables = import_tables,
                              .example = "theirs.json --out pairs video_root=videos",
                              .resolved = apps::resolved<gen::ImportConfig>});
  program.commands.push_back({.name = "check",
                              .help = "Every fault of a file of pairs or questions, of any format that import reads; exit 8 "
                                      "when there is one. Changes nothing.",
                              .arguments = {{"FILE", "pairs or questions: a JSON array or JSONL"}},
                              .flags = {{"--decode", "decode every video, not only its first picture", false, false}},
                              .needs_out = false,
                              .fields = describe<gen::CheckConfig>,
                              .run = apps::run_check,
                              .tables = {},
                              .example = "pairs/pairs.jsonl video_root=videos",
                              .resolved = apps::resolved<gen::CheckConfig>});
  program.commands.push_back(
      {.name = "show",
       .help = "One page with frames, questions and answers, marked tokens in colour; without --out in the current folder.",
       .arguments = {{.name = "FILE",
                      .help = "a file of pairs; --perturbations: videos, or files of questions",
                      .repeats = true}},
       .flags = {{"--text", "print to the terminal, without frames", false, false},
                 {"--perturbations", "what each perturbation does to a clip", false, false}},
       .needs_out = false,
       .fields = describe<gen::ShowConfig>,
       .run = apps::run_show,
       .tables = {},
       .example = "pairs/pairs.jsonl --out page model.path=MODEL video_root=videos",
       .resolved = apps::resolved<gen::ShowConfig>});
  return apps::run_program(program, argc, argv);
}
