#include "rrpo/train/trainer.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "dry_run.h"
#include "earlier.h"
#include "metrics_log.h"
#include "rrpo/data/media_check.h"
#include "rrpo/io/atomic.h"
#include "rrpo/io/line_writer.h"
#include "rrpo/io/output_folder.h"
#include "rrpo/io/run_record.h"
#include "rrpo/policy/device.h"
#include "rrpo/report/progress.h"
#include "rrpo/report/training.h"
#include "rrpo/train/learner.h"
#include "rrpo/train/schedule.h"
#include "rrpo/train/snapshot.h"
#include "rrpo/train/step.h"
#include "rrpo/util/clock.h"
#include "rrpo/util/compat.h"
#include "rrpo/util/log.h"
#include "rrpo/util/stop.h"
#include "run_ledger.h"
#include "session.h"

namespace rrpo::train {

namespace fs = std::filesystem;

namespace {

/// What a run holds once it is open.
class Run {
 public:
  Run(const TrainConfig& config, const RunOptions& options, policy::Policy policy)
      : config_(config),
        options_(options),
        objective_(loss::make_objective(config.objective)),
        policy_(std::move(policy)),
        rows_(open_rows(config.data.pairs, config, policy_, objective_, skips())),
        optimizer_(prepare_trainable(policy_, config), config.optim) {
    if (!config.data.eval_pairs.empty()) held_out_ = open_rows(config.data.eval_pairs, config, policy_, objective_, false);
    per_epoch_ = data::windows_per_epoch(rows_.rows(), training_rules().batch);
    at_.steps = config.train.steps.value_or(config.train.epochs * per_epoch_);
    check_rates(config.optim, at_.steps);
    at_.media_bytes = media_bytes(rows_, config.data.video_root);
    if (held_out_) at_.media_bytes.merge(media_bytes(*held_out_, config.data.video_root));
  }

  Json plan() const;
  /// The plan; with `options.decode` each bad row and media stands before it, and the exit code is 8 where there is one.
  Result plan_result() const;
  void keep(io::RunHead& head) const;
  /// Puts a checkpoint of `out` back, or the beginning, and cuts everything after it off.
  void resume(const fs::path& out, const std::optional<Snapshot>& snapshot);
  /// Steps until the last one or a stop.
  void train(const fs::path& out);
  bool done() const { return last_step() && at_.unwritten.is_null(); }
  /// Writes the ledger and, when done, the trained model; returns the summary.
  Json finish(const fs::path& out);
  Json counts() const;
  int64_t skipped() const { return static_cast<int64_t>(rows_.skipped.size() + at_.skipped.size()); }

 private:
  bool skips() const { return config_.data.max_skipped > 0 || options_.decode; }
  data::LoaderRules training_rules() const;
  Scorer scorer() { return {policy_, objective_, cache_.get()}; }
  bool last_step() const { return at_.step == at_.steps; }
  bool halts() const { return stop_signal() != 0 || at_.step == options_.halt_after; }
  void cut_metrics(const fs::path& file);
  Json one_step(data::Loader& loader, int64_t saved);
  bool evaluates() const;
  void conclude_step(MetricsLog& metrics);
  Json evaluate();
  void remember(const std::vector<data::SkippedRow>& skipped);

  const TrainConfig& config_;
  const RunOptions& options_;
  loss::Objective objective_;
  policy::Policy policy_;
  data::Dataset rows_;
  AdamW optimizer_;
  std::optional<data::Dataset> held_out_;
  std::unique_ptr<data::VisualCache> cache_;
  int64_t per_epoch_ = 0;
  Position at_;
  Json last_ = nullptr;  ///< the last line of the metrics
};

data::LoaderRules Run::training_rules() const {
  data::LoaderRules rules = loader_rules(config_, config_.data.shuffle, config_.train.batch_pairs, skips());
  rules.batch.drop_last = is_official(config_.compat);
  return rules;
}

void Run::keep(io::RunHead& head) const {
  keep_inputs(head, config_, rows_);
  if (held_out_) keep_inputs(head, config_, *held_out_);
}

Json Run::counts() const {
  int64_t answer_tokens = 0, parameters = 0;
  for (const data::Sample& sample : rows_.samples) {
    answer_tokens += static_cast<int64_t>(sample.chosen.ids.size() + sample.rejected.ids.size());
  }
  for (const model::NamedTensor& weight : optimizer_.parameters()) parameters += weight.tensor->numel();
  Json counts = {{"rows", rows_.rows() + static_cast<int64_t>(rows_.skipped.size() + rows_.dropped.size())},
                 {"usable", rows_.rows()},
                 {"skipped", skipped()},
                 {"dropped", rows_.dropped.size()},
                 {"videos", rows_.videos.size()},
                 {"held_out", held_out_ ? held_out_->rows() : 0},
                 {"answer_tokens", answer_tokens},
                 {"trained_parameters", parameters},
                 {"steps", at_.steps},
                 {"steps_per_epoch", per_epoch_}};
  const int64_t peak = policy::gpu_peak_bytes(policy::resolve_device(config_.device));
  if (peak > 0) counts["gpu_peak_bytes"] = peak;
  return counts;
}

Json Run::plan() const {
  Json plan = {{"plan", "train"}, {"objective", objective_.config}};
  plan.update(counts());
  plan.update(plan_json({config_, objective_, policy_, rows_, optimizer_, at_.steps}));
  return plan;
}

Result Run::plan_result() const {
  Result result{plan(), 0};
  if (!options_.decode) return result;
  std::vector<rows::Media> all = rows_.videos;
  if (held_out_) all.insert(all.end(), held_out_->videos.begin(), held_out_->videos.end());
  const int64_t threads = training_rules().threads;
  std::vector<data::MediaFault> faults = data::unreadable_media(all, config_.data.video_root, config_.video, threads);
  result.summary["decoded"] = all.size();
  result.summary["unreadable"] = faults.size();
  for (const data::SkippedRow& row : rows_.skipped) faults.push_back({row.id, row.reason});
  result.text = data::fault_lines(faults);
  if (faults.empty()) return result;
  result.exit_code = static_cast<int>(Fault::budget);
  result.error.emplace(
      Fault::budget, "data",
      std::to_string(faults.size()) + " rows or media are bad, the first is " + printable(faults.front().media, 120),
      "mend or leave out what stands above");
  return result;
}

void Run::resume(const fs::path& out, const std::optional<Snapshot>& snapshot) {
  if (snapshot) {
    const Position& before = snapshot->position;
    if (before.steps != at_.steps) {
      throw Error(
          Fault::usage, "data",
          "the interrupted run has " + std::to_string(before.steps) + " steps, these rows make " + std::to_string(at_.steps),
          "give it the same pair files again, or start anew with --overwrite");
    }
    check_media(before.media_bytes, at_.media_bytes);
    load_snapshot(*snapshot, optimizer_);
    std::map<std::string, int64_t> media = std::move(at_.media_bytes);
    at_ = before;
    at_.media_bytes.merge(media);  // a checkpoint of an earlier version names no held-out ones
    log_info("going on after step " + std::to_string(at_.step));
  }
  remove_later_snapshots(out, at_.step);
  cut_metrics(out / kMetrics);
}

/// Leaves the lines of the steps that are done.
void Run::cut_metrics(const fs::path& file) {
  if (!fs::exists(file)) return;
  const int64_t last = at_.unwritten.is_null() ? at_.step : at_.step - 1;
  std::string kept;
  io::LineWriter{file};  // cuts a torn last line off
  each_json_line(file, "train", [&](const Json& line, int64_t number) {
    const Json step = line.is_object() ? line.value("step", Json()) : Json();
    if (!step.is_number_integer()) {
      throw Error(Fault::input, "train", file.string() + ":" + std::to_string(number) + ": is no line of metrics",
                  "remove the line, or start anew with --overwrite");
    }
    if (step.get<int64_t>() > last) return;
    kept += json_line(line) + "\n";
    last_ = line;
  });
  io::write_file(file, kept);
}

void Run::remember(const std::vector<data::SkippedRow>& skipped) {
  for (const data::SkippedRow& row : skipped) {
    const auto known = [&](const data::SkippedRow& other) { return other.id == row.id; };
    if (std::none_of(at_.skipped.begin(), at_.skipped.end(), known)) at_.skipped.push_back(row);
  }
}

Json Run::evaluate() {
  const at::NoGradGuard frozen;
  const int64_t batch = micro_rows(config_);
  data::LoaderRules rules = loader_rules(config_, /*shuffle=*/false, batch, /*skip_bad_media=*/false);
  rules.seen = &at_.seen;
  data::Loader loader(*held_out_, policy_, cache_.get(), rules, 0, data::windows_per_epoch(held_out_->rows(), rules.batch));
  MetricSums sums;
  while (const auto micro = loader.next()) {
    check_stop();
    const Pass pass = forward(scorer(), *held_out_, *micro);
    check_finite(pass, *micro);
    sums.add(measure(pass, objective_.row->needs_rejected));
  }
  return sums.means(objective_.row->average, "eval/");
}

/// One step and what it says of itself; null when every row of it was skipped. `saved`: the step of the last checkpoint, or
/// 0.
Json Run::one_step(data::Loader& loader, int64_t saved) {
  const Stopwatch clock;
  const double lr = learning_rate(config_.optim, at_.step, at_.steps);
  const StepReport report = step(scorer(), rows_, loader, optimizer_, lr, saved);
  remember(report.skipped);
  ++at_.step;
  if (options_.watch) options_.watch(report.ids);
  if (!report.updated && !evaluates()) return nullptr;
  Json line = {{"step", at_.step}, {"epoch", static_cast<double>(at_.step) / static_cast<double>(per_epoch_)}};
  if (report.updated) {
    line.update(report.sums.means(objective_.row->average));
    line["grad_norm"] = report.grad_norm;
    line["lr"] = lr;
    line["pairs"] = report.sums.pairs;
    line["tokens"] = report.sums.tokens;
    line["seconds"] = clock.seconds();
  }
  return line;
}

/// True where the step just done is followed by a scoring of the held-out rows.
bool Run::evaluates() const {
  const bool due = config_.train.eval_every > 0 && at_.step % config_.train.eval_every == 0;
  return held_out_ && (due || last_step());
}

/// Completes the line of the step just done and writes it. A stop in between leaves the line to the next part of the run.
void Run::conclude_step(MetricsLog& metrics) {
  if (at_.unwritten.is_null()) return;
  if (evaluates()) at_.unwritten.update(evaluate());
  metrics.write(last_ = at_.unwritten);
  at_.unwritten = nullptr;
}

void Run::train(const fs::path& out) {
  if (freezes_vision(config_.train)) cache_ = open_cache(config_, policy_);
  data::LoaderRules rules = training_rules();
  rules.seen = &at_.seen;
  data::Loader loader(rows_, policy_, cache_.get(), rules, at_.step, at_.steps);
  MetricsLog metrics(out, config_.train.tensorboard);
  report::Progress progress("train", at_.steps, "steps", at_.step);
  int64_t saved = at_.unwritten.is_null() ? at_.step : -1;
  const auto save = [&] {
    save_snapshot(out, policy_, optimizer_, config_, at_, recorded_inputs(out));
    saved = at_.step;
  };
  const auto conclude = [&] {
    conclude_step(metrics);
    char note[48] = "";
    if (last_.contains("loss")) std::snprintf(note, sizeof note, "loss %.4f", last_["loss"].get<double>());
    progress.update(at_.step, note);
    if (saved != at_.step && config_.train.save_every > 0 && at_.step % config_.train.save_every == 0) save();
  };
  try {
    conclude();
    while (!last_step() && !halts()) {
      at_.unwritten = one_step(loader, std::max<int64_t>(0, saved));
      conclude();
    }
  } catch (const Stopped&) {
    log_info("stopped after step " + std::to_string(at_.step));
  }
  if (!done() && saved != at_.step) save();
  progress.finish();
}

Json Run::finish(const fs::path& out) {
  const data::LoaderRules rules = training_rules();
  const rows::Ledger ledger = write_ledger(out / "ledger.jsonl", {rows_, rules, at_, done()});
  const auto used = ledger.states().find("used");
  Json summary = {{"steps", at_.step},
                  {"pairs", used == ledger.states().end() ? 0 : used->second},
                  {"skipped", skipped()},
                  {"metrics", last_},
                  {"out", out.string()}};
  if (done()) summary["result"] = save_result(policy_, config_, out).string();
  return summary;
}

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
