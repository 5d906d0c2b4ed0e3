#include "rrpo/train/trainer.h"

#include <csignal>
#include <optional>

#include "agree.h"
#include "earlier.h"
#include "fit.h"
#include "metrics_log.h"
#include "rounds.h"
#include "rrpo/io/atomic.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/io/run_record.h"
#include "rrpo/policy/parts.h"
#include "rrpo/report/training.h"
#include "rrpo/train/learner.h"
#include "rrpo/util/ranks.h"
#include "rrpo/util/stop.h"
#include "run.h"
#include "same_inputs.h"
#include "session.h"

namespace rrpo::train {

namespace fs = std::filesystem;

namespace {

void write_report(const fs::path& out, const Json& run) {
  std::vector<Json> metrics;
  each_json_line(out / kMetrics, "train", [&](const Json& line, int64_t) { metrics.push_back(line); });
  io::write_file(out / "report.html", report::training_report(run, metrics));
}

int exit_code(const Run& run, const TrainConfig& config) {
  if (!run.done()) return 128 + stop_signal();
  const bool failed = config.data.max_skipped > 0 && run.skipped() > config.data.max_skipped;
  return failed ? static_cast<int>(Fault::budget) : 0;
}

io::Claim claim_of(const TrainConfig& config) {
  const char* result = trains_adapter(config.train) ? "adapter" : "model";
  return {"rrpo-train", "train", {kMetrics, kEvents, "ledger.jsonl", "report.html", "checkpoints", result}};
}

/// What the first rank alone has: the folder, what lies in it, the record of this part of the run.
struct Desk {
  std::optional<io::OutputFolder> folder;
  std::optional<Earlier> earlier;
  std::optional<io::RunRecord> record;

  fs::path out() const { return folder ? folder->path() : fs::path(); }
};

/// Reads what an earlier part left; returns `summary` and `code` where it is finished, else null.
Json sit_down(Desk& desk, const TrainConfig& config, const RunOptions& options) {
  desk.folder.emplace(options.out, options.existing, claim_of(config));
  desk.earlier.emplace(look_at_earlier(*desk.folder, config));
  return desk.earlier->result;
}

/// Begins the record. What is there already goes only now.
void begin_record(Desk& desk, const TrainConfig& config, const std::optional<Run>& opened) {
  io::RunHead head{"rrpo-train", "train", config_json(config), std::move(desk.earlier->inputs)};
  if (opened) opened->keep(head);
  desk.record.emplace(desk.out(), std::move(head));
}

/// Counts, and what train.fit has chosen.
Json counts_of(const Run& run, const Json& fit) {
  Json counts = run.counts();
  if (!fit.is_null()) counts["fit"] = fit;
  return counts;
}

/// The last files, and what is said of the run.
Json conclude(Run& run, const TrainConfig& config, const Json& fit, Desk& desk) {
  const Json summary = run.finish(desk.out());
  const int code = exit_code(run, config);
  desk.record->set_counts(counts_of(run, fit));
  write_report(desk.out(), desk.record->end(code, summary));
  return {{"summary", summary}, {"code", code}};
}

Result result_of(const Json& end) { return {end.at("summary"), end.at("code").get<int>()}; }

/// Stops what this rank is in the middle of where another one is gone: its next word to the others then says so.
void end_when_lost(const world::World& world) {
  world.when_lost([] { set_stop_signal(SIGUSR2); });
}

/// The plan alone; nothing is written.
Result planned(const TrainConfig& config, const RunOptions& options, const world::World& world, const Json& fit) {
  Result plan = Run(config, options, world, policy::open_shapes(config.model, config.device, peers_of(world))).plan_result();
  if (!fit.is_null()) plan.summary["fit"] = fit;
  return plan;
}

/// The run of a configuration that all ranks share.
Result carry_out(const TrainConfig& config, const RunOptions& options, const world::World& world, const Json& fit) {
  Desk desk;
  const Json finished = from_first(world, [&] { return sit_down(desk, config, options); });
  if (!finished.is_null()) return result_of(finished);
  std::optional<Run> opened;
  const auto open = [&] {
    agree(world, [&] {
      if (!opened) opened.emplace(config, options, world, policy::open_policy(config.model, config.device, peers_of(world)));
      return Json();
    });
  };
  // What is there already goes only when the model and all rows can be read.
  if (options.existing == io::Existing::overwrite) open();
  from_first(world, [&] {
    begin_record(desk, config, opened);
    return Json();
  });
  const auto work = [&]() -> Result {
    open();
    opened->begin(desk.out(), desk.earlier);
    if (desk.record) desk.record->set_counts(counts_of(*opened, fit));  // a run that is killed has said them
    opened->train(desk.out());
    return result_of(from_first(world, [&] { return conclude(*opened, config, fit, desk); }));
  };
  return desk.record ? with_record(*desk.record, work) : with_stops(work);
}

}  // namespace

Result run(const TrainConfig& config, const RunOptions& options) {
  const world::World alone;
  if (options.world == nullptr) require_one_process("train");
  const world::World& world = options.world == nullptr ? alone : *options.world;
  end_when_lost(world);
  agree(world, [&] {
    require_inputs(config);
    check_trainable(config, loss::make_objective(config.objective));
    return Json();
  });
  check_same_inputs(world, config);
  set_tensor_threads(config.threads);
  const Json fit = from_first(world, [&] { return choose_fit(config, ranks_of(world, options)); });  // opened as it says
  const TrainConfig chosen = with_fit(config, fit);
  return options.dry_run ? planned(chosen, options, world, fit) : carry_out(chosen, options, world, fit);
}

}  // namespace rrpo::train
