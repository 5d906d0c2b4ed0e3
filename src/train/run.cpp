#include "run.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstdio>

#include "earlier.h"
#include "rrpo/io/atomic.h"
#include "rrpo/io/line_writer.h"
#include "rrpo/report/progress.h"
#include "rrpo/train/learner.h"
#include "rrpo/train/schedule.h"
#include "rrpo/train/step.h"
#include "rrpo/util/clock.h"
#include "rrpo/util/compat.h"
#include "rrpo/util/log.h"
#include "session.h"

namespace rrpo::train {

namespace fs = std::filesystem;

Run::Run(const TrainConfig& config, const RunOptions& options, policy::Policy policy)
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

data::LoaderRules Run::training_rules() const {
  data::LoaderRules rules = loader_rules(config_, config_.data.shuffle, config_.train.batch_pairs, skips());
  rules.batch.drop_last = is_official(config_.compat);
  return rules;
}

void Run::keep(io::RunHead& head) const {
  keep_inputs(head, config_, rows_);
  if (held_out_) keep_inputs(head, config_, *held_out_);
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

}  // namespace rrpo::train
