#include "rrpo/train/trainer.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "rrpo/io/atomic.h"
#include "rrpo/io/run_record.h"
#include "rrpo/policy/device.h"
#include "rrpo/report/progress.h"
#include "rrpo/report/training.h"
#include "rrpo/rows/ledger.h"
#include "rrpo/train/learner.h"
#include "rrpo/train/plan.h"
#include "rrpo/train/schedule.h"
#include "rrpo/train/snapshot.h"
#include "rrpo/train/step.h"
#include "rrpo/util/clock.h"
#include "rrpo/util/compat.h"
#include "rrpo/util/log.h"
#include "rrpo/util/stop.h"
#include "session.h"

namespace rrpo::train {

namespace fs = std::filesystem;

namespace {

constexpr const char* kMetrics = "metrics.jsonl";
constexpr int64_t kProgramBytes = 200'000'000;  ///< what LibTorch and the program take before they compute anything

/// What a run holds once it is open.
class Run {
 public:
  explicit Run(const TrainConfig& config)
      : config_(config),
        objective_(loss::make_objective(config.objective)),
        policy_(policy::open_policy(config.model, config.device)),
        rows_(open_rows(config.data.pairs, config, policy_, objective_, skips())),
        optimizer_(prepare_trainable(policy_, config), config.optim) {
    if (!config.data.eval_pairs.empty()) held_out_ = open_rows(config.data.eval_pairs, config, policy_, objective_, false);
    if (freezes_vision(config.train)) cache_ = open_cache(config, policy_);
    per_epoch_ = data::windows_per_epoch(rows_.rows(), training_rules().batch);
    at_.steps = config.train.steps.value_or(config.train.epochs * per_epoch_);
  }

  Json plan() const;
  /// Puts back the newest checkpoint of `out` and cuts metrics.jsonl there.
  void resume(const fs::path& out);
  /// Steps until the last one or a signal.
  void train(const fs::path& out);
  bool done() const { return at_.step == at_.steps; }
  /// Writes the ledger and, when done, the trained model; returns the summary.
  Json finish(const fs::path& out);
  Json counts() const;
  int64_t skipped() const { return static_cast<int64_t>(rows_.skipped.size() + at_.skipped.size()); }

 private:
  bool skips() const { return config_.data.max_skipped > 0; }
  data::LoaderRules training_rules() const;
  Scorer scorer() { return {policy_, objective_, cache_.get()}; }
  Json one_step(data::Loader& loader, int64_t saved);
  Json evaluate();
  void remember(const std::vector<data::SkippedRow>& skipped);
  rows::Ledger write_ledger(const fs::path& out) const;
  std::set<int64_t> used_rows() const;

  const TrainConfig& config_;
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

/// The rows of one pass at most, as many pairs as a pass takes of the longest one; `shared` pairs stand about one video.
PairRows largest_pass(PairRows longest, int64_t pairs, int64_t shared) {
  const int64_t videos = (pairs + shared - 1) / shared;
  longest.prefix *= static_cast<double>(videos);
  longest.frames *= videos;
  longest.pairs = pairs;
  return longest;
}

/// What is computed in a step and gets gradients.
StepKind step_kind(const TrainConfig& config, const loss::Objective& objective) {
  const auto trains = [&](const char* part) {
    const auto& names = config.train.trainable;
    return std::any_of(names.begin(), names.end(),
                       [part](const std::string& name) { return name == part || name == "all"; });
  };
  return {.encode = true,
          .reference = objective.row->needs_reference,
          .decoder = trains("decoder"),
          .projector = trains("projector"),
          .vision = trains("vision")};
}

/// Bytes on disk at most: the checkpoints that are kept and the one being written, then the result.
double disk_bytes(const LoopConfig& config, double parameters, double result, int64_t steps) {
  const auto kept = static_cast<double>(config.save_every > 0 ? std::min(config.keep, steps / config.save_every) + 1 : 1);
  return kept * 12 * parameters + result + 1000 * static_cast<double>(steps);
}

Json Run::plan() const {
  Json plan = {{"plan", "train"}, {"objective", objective_.config}};
  plan.update(counts());
  plan["warmup_steps"] = warmup_steps(config_.optim.warmup_ratio, at_.steps);
  const int64_t frames = config_.video.frames, visual = model::visual_token_count(policy_.lvlm, frames);
  const int64_t per_video = rows_.rows() / std::max<int64_t>(1, static_cast<int64_t>(rows_.videos.size()));
  PairRows mean = mean_rows(rows_, visual, frames);
  mean.pairs = std::max<int64_t>(1, std::min(config_.data.group_by_video, per_video));
  const PairRows largest = largest_pass(longest_rows(rows_, visual, frames), micro_rows(config_), mean.pairs);
  const StepKind kind = step_kind(config_, objective_);
  const ModelShape shape = shape_of(policy_.lvlm, {.targets = {}});
  const double batches = static_cast<double>(config_.train.batch_pairs) / static_cast<double>(mean.pairs);
  const auto parameters = plan.at("trained_parameters").get<double>();
  const Memory memory = memory_of(shape, largest, kind);
  plan["tokens_per_pair"] = mean.rows() / static_cast<double>(mean.pairs);
  plan["flop_per_step"] = flop_of(shape, mean, kind).total() * batches;
  plan["peak_memory_bytes"] = static_cast<int64_t>(memory.total()) + kProgramBytes;
  plan["memory_bytes"] = {{"weights", static_cast<int64_t>(memory.weights)},
                          {"trained", static_cast<int64_t>(memory.trained)},
                          {"saved", static_cast<int64_t>(memory.saved)},
                          {"workspace", static_cast<int64_t>(memory.workspace)},
                          {"program", kProgramBytes}};
  // Weights, two moments and a counter, float32.
  plan["checkpoint_bytes"] = 12 * plan["trained_parameters"].get<int64_t>();
  const double result = trains_adapter(config_.train) ? 4 * parameters : 4 * shape.parameters;
  plan["disk_bytes"] = static_cast<int64_t>(disk_bytes(config_.train, parameters, result, at_.steps));
  return plan;
}

void Run::resume(const fs::path& out) {
  if (const auto folder = newest_snapshot(out)) {
    const Position before = load_snapshot(*folder, optimizer_, config_);
    if (before.steps != at_.steps) {
      throw Error(
          Fault::usage, "data",
          "the interrupted run has " + std::to_string(before.steps) + " steps, these rows make " + std::to_string(at_.steps),
          "give it the same pair files again, or start anew with --overwrite");
    }
    at_ = before;
    log_info("going on after step " + std::to_string(at_.step));
  }
  std::string kept;
  if (fs::exists(out / kMetrics)) {
    io::LineWriter(out / kMetrics);  // cuts a torn last line off
    each_json_line(out / kMetrics, "train", [&](const Json& line, int64_t) {
      if (line.at("step").get<int64_t>() > at_.step) return;
      kept += json_line(line) + "\n";
      last_ = line;
    });
    io::write_file(out / kMetrics, kept);
  }
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
  data::Loader loader(*held_out_, policy_, cache_.get(), rules, 0, data::windows_per_epoch(held_out_->rows(), rules.batch));
  MetricSums sums;
  while (const auto micro = loader.next()) {
    const Pass pass = forward(scorer(), *held_out_, *micro);
    check_finite(pass, *micro);
    sums.add(measure(pass, objective_.row->needs_rejected));
  }
  return sums.means(objective_.row->average, "eval/");
}

/// One step and its line of metrics; null when every row of it was skipped. `saved`: the step of the last checkpoint, or 0.
Json Run::one_step(data::Loader& loader, int64_t saved) {
  const Stopwatch clock;
  const double lr = learning_rate(config_.optim, at_.step, at_.steps);
  const StepReport report = step(scorer(), rows_, loader, optimizer_, lr, saved);
  remember(report.skipped);
  ++at_.step;
  Json line = {{"step", at_.step}, {"epoch", static_cast<double>(at_.step) / static_cast<double>(per_epoch_)}};
  if (report.updated) {
    line.update(report.sums.means(objective_.row->average));
    line["grad_norm"] = report.grad_norm;
    line["lr"] = lr;
    line["pairs"] = report.sums.pairs;
    line["tokens"] = report.sums.tokens;
    line["seconds"] = clock.seconds();
  }
  const bool due = config_.train.eval_every > 0 && at_.step % config_.train.eval_every == 0;
  if (held_out_ && (due || done())) line.update(evaluate());
  return report.updated || line.size() > 2 ? line : Json();
}

void Run::train(const fs::path& out) {
  data::Loader loader(rows_, policy_, cache_.get(), training_rules(), at_.step, at_.steps);
  io::LineWriter metrics(out / kMetrics);
  report::Progress progress("train", at_.steps, "steps", at_.step);
  int64_t saved = at_.step;
  while (!done() && stop_signal() == 0) {
    const Json line = one_step(loader, saved);
    if (!line.is_null()) metrics.write(last_ = line);
    char note[48] = "";
    if (line.contains("loss")) std::snprintf(note, sizeof note, "loss %.4f", line["loss"].get<double>());
    progress.update(at_.step, note);
    const bool due = config_.train.save_every > 0 && at_.step % config_.train.save_every == 0;
    if (due) save_snapshot(out, policy_, optimizer_, config_, at_);
    if (due) saved = at_.step;
  }
  if (!done() && saved != at_.step) save_snapshot(out, policy_, optimizer_, config_, at_);
  progress.finish();
}

/// A function of the position alone, so that a resumed run reports what an undisturbed one does.
std::set<int64_t> Run::used_rows() const {
  std::vector<int64_t> videos;
  for (const data::Sample& sample : rows_.samples) videos.push_back(sample.video);
  const data::LoaderRules rules = training_rules();
  std::set<int64_t> used;
  // An epoch after the first adds rows only where each leaves some out.
  for (int64_t epoch = 0; epoch * per_epoch_ < at_.step && (epoch == 0 || rules.batch.drop_last); ++epoch) {
    const std::vector<int64_t> order = data::epoch_order(videos, rules.order, epoch);
    for (const data::MicroBatch& batch : data::epoch_batches(order, videos, rules.batch, epoch)) {
      if (batch.window < at_.step) used.insert(batch.rows.begin(), batch.rows.end());
    }
  }
  return used;
}

rows::Ledger Run::write_ledger(const fs::path& out) const {
  rows::Ledger ledger;
  std::string lines;
  const auto add = [&](const std::string& id, const char* state, const std::string& reason) {
    lines += json_line(ledger.record(id, state, reason)) + "\n";
  };
  std::map<std::string, std::string> unreadable;
  for (const data::SkippedRow& row : at_.skipped) unreadable[row.id] = row.reason;
  const std::set<int64_t> used = used_rows();
  const std::string unused =
      done() && training_rules().batch.drop_last ? "in no whole window (compat official)" : "the run ended before its turn";
  for (int64_t i = 0; i < rows_.rows(); ++i) {
    const std::string& id = rows_.samples[static_cast<size_t>(i)].id;
    const auto found = unreadable.find(id);
    if (found != unreadable.end()) {
      add(id, "skipped", found->second);
    } else {
      add(id, used.contains(i) ? "used" : "unused", used.contains(i) ? "" : unused);
    }
  }
  for (const data::SkippedRow& row : rows_.skipped) add(row.id, "skipped", row.reason);
  for (const data::SkippedRow& row : rows_.dropped) add(row.id, "dropped", row.reason);
  io::write_file(out / "ledger.jsonl", lines);
  return ledger;
}

Json Run::finish(const fs::path& out) {
  const rows::Ledger ledger = write_ledger(out);
  const auto used = ledger.states().find("used");
  Json summary = {{"steps", at_.step},
                  {"pairs", used == ledger.states().end() ? 0 : used->second},
                  {"skipped", skipped()},
                  {"metrics", last_},
                  {"out", out.string()}};
  if (done()) summary["result"] = save_result(policy_, config_, out).string();
  return summary;
}

/// The summary of a run that finished earlier in this folder, or null.
Json finished_before(const fs::path& out, const TrainConfig& config) {
  if (!fs::exists(out / "run.json")) return nullptr;
  const Json run = read_json(out / "run.json", "train");
  if (!run.contains("config") || !run.contains("exit") || run["exit"].value("state", "") != "finished") return nullptr;
  check_same_run(run["config"], config);
  return {{"summary", run["result"]}, {"code", run["exit"]["code"]}};
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

std::vector<fs::path> input_files(const TrainConfig& config) {
  std::vector<fs::path> files = config.data.pairs;
  files.insert(files.end(), config.data.eval_pairs.begin(), config.data.eval_pairs.end());
  const std::vector<fs::path> weights = io::model_files(config.model.path, config.model.adapter);
  files.insert(files.end(), weights.begin(), weights.end());
  return files;
}

}  // namespace

Result run(const TrainConfig& config, const RunOptions& options) {
  require_one_process();
  require_inputs(config);
  check_trainable(config, loss::make_objective(config.objective));
  set_tensor_threads(config.threads);
  if (options.dry_run) return {Run(config).plan(), 0};

  const io::OutputFolder folder(options.out, options.existing);
  const fs::path& out = folder.path();
  if (folder.resumed()) {
    const Json before = finished_before(out, config);
    if (!before.is_null()) return {before["summary"], before["code"].get<int>()};
  }
  io::RunRecord record(out, {"rrpo-train", "train", config_json(config), input_files(config)});
  try {
    Run run(config);
    if (folder.resumed()) run.resume(out);
    run.train(out);
    const Json summary = run.finish(out);
    const int code = exit_code(run, config);
    record.set_counts(run.counts());
    write_report(out, record.end(code, summary));
    return {summary, code};
  } catch (const Error& error) {
    record.fail(error.exit_code(), error.what());
    throw;
  } catch (const c10::OutOfMemoryError& error) {
    const Error memory(
        Fault::environment, "device", std::string("out of memory: ") + error.what_without_backtrace(),
        "lower train.micro_pairs, data.group_by_video or video.frames; --resume goes on from the last checkpoint");
    record.fail(memory.exit_code(), memory.what());
    throw memory;
  }
}

}  // namespace rrpo::train
