#include "rrpo/train/trainer.h"

#include <map>
#include <optional>

#include "earlier.h"
#include "metrics_log.h"
#include "rrpo/io/atomic.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/io/run_record.h"
#include "rrpo/report/training.h"
#include "rrpo/train/learner.h"
#include "rrpo/util/stop.h"
#include "run.h"
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

/// From the open folder to the last file of the part of the run that this process does.
Result carry_out(Run& run, const TrainConfig& config, const fs::path& out, const Earlier& earlier, io::RunRecord& record) {
  if (earlier.resumed) run.resume(out, earlier.snapshot);
  run.train(out);
  const Json summary = run.finish(out);
  const int code = exit_code(run, config);
  record.set_counts(run.counts());
  write_report(out, record.end(code, summary));
  return {summary, code};
}

}  // namespace

Result run(const TrainConfig& config, const RunOptions& options) {
  require_one_process();
  require_inputs(config);
  check_trainable(config, loss::make_objective(config.objective));
  set_tensor_threads(config.threads);
  if (options.dry_run) return Run(config, options, policy::open_shapes(config.model, config.device)).plan_result();

  const char* result = trains_adapter(config.train) ? "adapter" : "model";
  const io::OutputFolder folder(
      options.out, options.existing,
      {"rrpo-train", "train", {kMetrics, kEvents, "ledger.jsonl", "report.html", "checkpoints", result}});
  const fs::path& out = folder.path();
  Earlier earlier = look_at_earlier(folder, config);
  if (!earlier.result.is_null()) return {earlier.result["summary"], earlier.result["code"].get<int>()};
  io::RunHead head{"rrpo-train", "train", config_json(config), std::move(earlier.inputs)};
  std::optional<Run> opened;
  const auto open = [&]() -> Run& {
    return opened ? *opened : opened.emplace(config, options, policy::open_policy(config.model, config.device));
  };
  // What is there already goes only when the model and all rows can be read.
  if (options.existing == io::Existing::overwrite) open().keep(head);
  io::RunRecord record(out, std::move(head));
  return with_record(record, [&] { return carry_out(open(), config, out, earlier, record); });
}

}  // namespace rrpo::train
