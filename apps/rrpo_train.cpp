// rrpo-train: pairs and a model to an adapter or a whole checkpoint.

#include "app.h"
#include "app_streams.h"
#include "rrpo/loss/loss.h"
#include "rrpo/policy/hub.h"
#include "rrpo/train/doctor.h"
#include "rrpo/train/init.h"
#include "rrpo/train/merge.h"
#include "rrpo/train/score.h"
#include "rrpo/train/selftest.h"
#include "rrpo/train/trainer.h"
#include "rrpo/train/verify_resume.h"

using namespace rrpo;  // NOLINT: the program itself

namespace {

std::vector<apps::HelpTable> tables() {
  std::vector<apps::HelpTable> all = apps::common_tables();
  all.push_back(apps::help_table("objectives (objective.name) and their fields (objective.*)", loss::objectives(),
                                 [](const loss::ObjectiveRow& row) { return row.fields; }));
  return all;
}

/// One entry point of the training layer as a command.
template <class Config>
apps::Command command(const char* name, const char* help, train::Result (*job)(const Config&, const train::RunOptions&),
                      bool needs_out = true) {
  const auto run = [job](const apps::Invocation& call) {
    auto config = read_config<Config>(call.sources);
    if constexpr (requires { config.model.adapter; }) policy::find_models(config.model);
    const auto result = job(config, {call.out, call.existing, call.dry_run});
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
          .run = run};
}

}  // namespace

int main(int argc, char** argv) {
  apps::Program program{"rrpo-train", "align a video language model with preference pairs", {}, tables};
  program.commands.push_back(
      command<train::TrainConfig>("", "Train; the last line of stdout is a JSON summary.", train::run));
  program.commands.push_back(command<train::InitConfig>("init", "Make a checkpoint with initial values.", train::init));
  program.commands.push_back(command<train::TrainConfig>(
      "score", "Statistics of each pair and token under policy and reference, without an update.", train::score));
  program.commands.push_back(command<train::MergeConfig>(
      "merge", "An adapter into base weights, as a whole folder, written only if both answer the same.", train::merge));
  program.commands.push_back(command<train::VerifyConfig>(
      "verify-resume", "On your data: 2 N steps against N, a stop, and N more; what differs first, if anything does.",
      train::verify_resume));
  program.commands.push_back(command<train::SelftestConfig>(
      "selftest", "Values that Python computed once against this machine, in each type and on each device.", train::selftest,
      /*needs_out=*/false));
  program.commands.push_back(command<train::DoctorConfig>(
      "doctor", "Versions, devices, memory, disk; what is missing and how to get it.", train::doctor, /*needs_out=*/false));
  return apps::run_program(program, argc, argv);
}
