#include "run.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "agree.h"
#include "metrics_log.h"
#include "position.h"
#include "recompute.h"
#include "rrpo/io/atomic.h"
#include "rrpo/io/line_writer.h"
#include "rrpo/train/learner.h"
#include "rrpo/train/schedule.h"
#include "rrpo/util/compat.h"
#include "rrpo/util/log.h"
#include "session.h"

namespace rrpo::train {

namespace fs = std::filesystem;

Run::Run(const TrainConfig& config, const RunOptions& options, const world::World& world, policy::Policy policy)
    : config_(config),
      options_(options),
      world_(world),
      objective_(loss::make_objective(config.objective)),
      policy_(std::move(policy)),
      rows_(open_rows(config.data.pairs, config, policy_, objective_, skips())),
      optimizer_(prepare_trainable(policy_, config), config.optim),
      rules_(recompute_rules("train.recompute", config.train.recompute)) {
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
  rules.share = {world_.rank(), world_.size()};
  return rules;
}

void Run::keep(io::RunHead& head) const {
  keep_inputs(head, config_, rows_);
  if (held_out_) keep_inputs(head, config_, *held_out_);
}

void Run::begin(const fs::path& out, const std::optional<Earlier>& earlier) {
  const Json place = from_first(world_, [&] {
    if (earlier->resumed) resume(out, earlier->snapshot);
    return Json{{"position", position_json(at_)}, {"updates", optimizer_.updates()}};
  });
  if (!world_.alone()) {
    at_ = read_position(place.at("position"));
    optimizer_.updates() = place.at("updates").get<std::vector<int64_t>>();
    take_from_first();
  }
  saved_ = at_.unwritten.is_null() ? at_.step : -1;
}

/// A fresh adapter is the same everywhere, but files of an adapter may not be, and only the first rank has the checkpoint.
void Run::take_from_first() {
  const at::NoGradGuard frozen;
  std::vector<Flat*> all = {&optimizer_.weights().values()};
  const std::vector<int64_t>& updates = optimizer_.updates();
  if (std::any_of(updates.begin(), updates.end(), [](int64_t count) { return count > 0; })) {
    all.push_back(&optimizer_.first());
    all.push_back(&optimizer_.second());
  }
  for (Flat* flat : all) {
    for (at::Tensor& buffer : flat->buffers()) world_.from_first(buffer);
  }
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

}  // namespace rrpo::train
