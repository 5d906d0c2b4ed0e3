// rrpo-train: pairs and a model to an adapter or a whole checkpoint.

#include "app.h"
#include "app_decode.h"
#include "app_ranks.h"
#include "app_streams.h"
#include "rrpo/loss/loss.h"
#include "rrpo/policy/device.h"
#include "rrpo/policy/hub.h"
#include "rrpo/train/doctor.h"
#include "rrpo/train/init.h"
#include "rrpo/train/merge.h"
#include "rrpo/train/score.h"
#include "rrpo/train/selftest.h"
#include "rrpo/train/trainer.h"
#include "rrpo/train/verify_resume.h"
#include "rrpo/util/ranks.h"

using namespace rrpo;  // NOLINT: the program itself

namespace {

std::vector<apps::HelpTable> tables() {
  std::vector<apps::HelpTable> all = apps::common_tables();
  all.push_back(apps::help_table("objectives (objective.name) and their fields (objective.*)", loss::objectives(),
                                 [](const loss::ObjectiveRow& row) { return row.fields; }));
  return all;
}

/// The ranks of the main job; a plan is made by one of them, alone.
template <class Config>
world::World ranks_of(const apps::Invocation& call, const Config& config, bool shared) {
  if constexpr (requires { config.device; }) {
    if (shared && !call.dry_run) return apps::meet_ranks(policy::resolve_device(config.device));
  }
  return {};
}

/// Reads a configuration and writes out the defaults of its objective, which depend on its name.
template <class Config>
Config read_resolved(const ConfigSources& sources) {
  auto config = read_config<Config>(sources);
  if constexpr (requires { config.objective; }) config.objective = loss::make_objective(config.objective).config;
  if constexpr (requires { config.run.objective; }) config.run.objective = loss::make_objective(config.run.objective).config;
  return config;
}

/// One entry point of the training layer as a command; `shared`: by several ranks.
template <class Config>
apps::Command command(const char* name, const char* help, const char* example,
                      train::Result (*job)(const Config&, const train::RunOptions&), bool needs_out = true,
                      bool shared = false) {
  const auto run = [job, shared](const apps::Invocation& call) {
    if (call.dry_run && own_rank() > 0) return 0;
    auto config = read_resolved<Config>(call.sources);
    if constexpr (requires { config.model.adapter; }) policy::find_models(config.model);
    if constexpr (requires { config.run.model.adapter; }) policy::find_models(config.run.model);
    const world::World world = ranks_of(call, config, shared);
    train::RunOptions options{call.out, call.existing, call.dry_run, apps::decodes(call)};
    options.world = &world;
    const auto result = job(config, options);
    apps::print(result.text);
    apps::finish(result.summary, result.exit_code);
    if (result.error) throw *result.error;
    return result.exit_code;
  };
  return {.name = name,
          .help = help,
          .arguments = {},
          .flags = {},
          .needs_out = needs_out,
          .fields = describe<Config>,
          .run = run,
          .tables = {},
          .example = example,
          .resolved = [](const ConfigSources& sources) { return config_json(read_resolved<Config>(sources)); },
          .ranks = shared};
}

}  // namespace

int main(int argc, char** argv) {
  apps::Program program{"rrpo-train", "align a video language model with preference pairs", {}, tables};
  const auto add = [&](apps::Command one) { program.commands.push_back(std::move(one)); };
  add(command<train::TrainConfig>("", "Train; the last line of stdout is a JSON summary.",
                                  "--out run model.path=MODEL data.pairs=pairs/pairs.jsonl data.video_root=videos",
                                  train::run, /*needs_out=*/true, /*shared=*/true));
  program.commands.back().flags = {apps::decode_flag()};
  add(command<train::InitConfig>("init", "Make a checkpoint with initial values.",
                                 "--out model config=recipe tokenizer=tokenizer seed=1", train::init));
  add(command<train::TrainConfig>("score",
                                  "Statistics of each pair and token under policy and reference, without an update.",
                                  "--out scores model.path=MODEL model.adapter=run/adapter data.pairs=pairs/pairs.jsonl "
                                  "data.video_root=videos",
                                  train::score));
  add(command<train::MergeConfig>("merge",
                                  "An adapter into base weights, as a whole folder, written only if both answer the same.",
                                  "--out merged model.path=MODEL model.adapter=run/adapter", train::merge));
  add(command<train::VerifyConfig>(
      "verify-resume", "On your data: 2 N steps against N, a stop, and N more; what differs first, if anything does.",
      "--out proof model.path=MODEL data.pairs=pairs/pairs.jsonl data.video_root=videos verify_steps=4",
      train::verify_resume));
  add(command<train::SelftestConfig>(
      "selftest", "Values that Python computed once against this machine, in each type and on each device.", "device=cpu",
      train::selftest, /*needs_out=*/false));
  add(command<train::DoctorConfig>("doctor", "Versions, devices, memory, disk; what is missing and how to get it.", "",
                                   train::doctor, /*needs_out=*/false));
  return apps::run_program(program, argc, argv);
}
