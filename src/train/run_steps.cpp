// The steps of a run, with what stands between them: held-out rows, metrics, checkpoints.
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "agree.h"
#include "denominators.h"
#include "metrics_log.h"
#include "position.h"
#include "references.h"
#include "rounds.h"
#include "rrpo/report/progress.h"
#include "rrpo/train/learner.h"
#include "rrpo/train/schedule.h"
#include "rrpo/train/self_check.h"
#include "rrpo/util/clock.h"
#include "rrpo/util/log.h"
#include "rrpo/util/notes.h"
#include "rrpo/util/stop.h"
#include "run.h"
#include "session.h"

namespace rrpo::train {

namespace fs = std::filesystem;

namespace {

/// What the first rank shows and writes of the steps.
struct Diary {
  MetricsLog metrics;
  report::Progress progress;

  Diary(const fs::path& out, bool tensorboard, int64_t steps, int64_t already)
      : metrics(out, tensorboard), progress("train", steps, "steps", already) {}

  void update(int64_t step, const Json& line) {
    char note[48] = "";
    if (line.contains("loss")) std::snprintf(note, sizeof note, "loss %.4f", line["loss"].get<double>());
    progress.update(step, note);
  }
};

}  // namespace

void Run::open_caches() {
  const std::vector<Json> folders = agree(world_, [&]() -> Json {
    if (freezes_vision(config_.train)) {
      cache_ = open_cache(config_, policy_, objective_);
      if (config_.data.equal_media == "refuse") media_.emplace(at_.seen);
    }
    return config_.data.cache.has_value();
  });
  const auto open = [&] {
    references_ = open_references(config_, policy_, objective_);
    return Json();
  };
  // Apart: for the folder's key of one rank all others give their parts of the weights.
  const bool keyed = std::any_of(folders.begin(), folders.end(), [](const Json& folder) { return folder.get<bool>(); });
  agree(world_, [&] { return keyed ? with_all_layers(policy_, open) : open(); });
}

/// Before the first step of this part of the run. All ranks look at the same pair, and so ask equally often for the parts of
/// the weights that lie with others.
void Run::check_passes() {
  if (!config_.train.self_check || last_step() || at_.step == options_.halt_after) return;
  const auto check = [&] {
    const std::optional<SelfCheck> found = self_check(scorer(), rows_, training_rules(), at_.step);
    if (found && world_.first()) log_info(line_of(*found));
    return Json();
  };
  agree(world_, [&] { return with_forwards(policy_, most_forwards_of_check(objective_), check); });
}

void Run::remember(const std::vector<data::SkippedRow>& skipped) {
  for (const data::SkippedRow& row : skipped) {
    const auto known = [&](const data::SkippedRow& other) { return other.id == row.id; };
    if (std::none_of(at_.skipped.begin(), at_.skipped.end(), known)) at_.skipped.push_back(row);
  }
}

/// Whole windows of all ranks, so that neither the cut into passes matters nor who took them.
void Run::add_to_past(const MetricSums& sums) {
  if (!objective_.reads_past()) return;
  at_.past.resize(objective_.terms.size());
  for (size_t i = 0; i < sums.terms.size(); ++i) {
    at_.past[i].rewards += sums.terms[i].rewards;
    at_.past[i].answers += 2 * static_cast<double>(sums.pairs);
  }
}

/// One step and what it says of itself; null when every row of it was skipped.
Json Run::one_step(data::Loader& loader) {
  const Stopwatch clock;
  const Scorer scorer = this->scorer();
  const double lr = learning_rate(config_.optim, at_.step, at_.steps);
  const Stepper stepper{scorer, rows_, loader, optimizer_, world_, ids_of(at_.skipped)};
  const StepReport report = step(stepper, lr, /*saved=*/std::max<int64_t>(0, saved_));
  remember(report.skipped);
  add_to_past(report.sums);
  ++at_.step;
  if (options_.watch) options_.watch(report.ids);
  if (!report.updated && !evaluates()) return nullptr;
  Json line = {{"step", at_.step}, {"epoch", static_cast<double>(at_.step) / static_cast<double>(per_epoch_)}};
  if (report.updated) {
    line.update(report.sums.means(objective_));
    line["grad_norm"] = report.grad_norm;
    line["lr"] = lr;
    line["pairs"] = report.sums.pairs;
    line["tokens"] = report.sums.tokens;
    line["seconds"] = clock.seconds();
    line["seconds_data"] = report.seconds_data;
  }
  return line;
}

/// True where the step just done is followed by a scoring of the held-out rows.
bool Run::evaluates() const {
  const bool due = config_.train.eval_every > 0 && at_.step % config_.train.eval_every == 0;
  return held_out_ && (due || last_step());
}

/// The sums of this rank's passes over the held-out rows, by the number of the pass.
Json Run::evaluate_share() {
  const at::NoGradGuard frozen;
  data::LoaderRules rules = loader_rules(config_, /*shuffle=*/false, micro_rows(config_), /*skip_bad_media=*/false);
  rules.share = {world_.rank(), world_.size()};
  rules.seen = &at_.seen;
  if (config_.train.sight) rules.controls = data::sight_controls();
  const int64_t windows = data::windows_per_epoch(held_out_->rows(), rules.batch);
  data::Loader loader(*held_out_, policy_, cache_.get(), rules, 0, windows);
  const RoundKind kind{.controls = static_cast<int64_t>(rules.controls.size())};
  return in_rounds(scorer(), loader.most_passes(windows), kind, [&] {
    Json passes = Json::array();
    while (const auto micro = loader.next()) {
      check_stop();
      if (micro->pairs() == 0) continue;
      const Sighted seen = forward_under_controls(scorer(), *held_out_, *micro);
      MetricSums sums = measure(seen.pass, objective_);
      sums.sight = seen.rows;
      passes.push_back({micro->place.window, sums.told()});
    }
    return passes;
  });
}

Json Run::evaluate() {
  std::map<int64_t, MetricSums> passes;  // sums add up in the order of one process
  for (const Json& share : agree(world_, [&] { return evaluate_share(); })) {
    for (const Json& pass : share) passes[pass.at(0).get<int64_t>()] = MetricSums::heard(pass.at(1));
  }
  MetricSums sums;
  for (const auto& [number, pass] : passes) sums.add(pass);
  const std::string unseen = last_step() ? sight_note(sums.sight) : "";
  if (!unseen.empty() && world_.first()) log_note(unseen);
  return sums.means(objective_, "eval/");
}

/// What each rank has read of the media, told to all: two files that are one to the model may have met different ranks.
void Run::join_media() {
  const std::vector<Json> seen = agree(world_, [&] { return seen_json(at_.seen); });
  for (size_t rank = 0; rank < seen.size(); ++rank) {
    if (static_cast<int64_t>(rank) != world_.rank()) join_seen(at_.seen, seen[rank]);
  }
  if (media_) media_->compare_all();
}

/// A checkpoint of all ranks.
void Run::save(const fs::path& out) {
  join_media();
  from_first(world_, [&] {
    save_snapshot(out, policy_, optimizer_, config_, at_, recorded_inputs(out));
    return Json();
  });
  saved_ = at_.step;
}

void Run::train(const fs::path& out) {
  open_caches();
  data::LoaderRules rules = training_rules();
  rules.seen = &at_.seen;
  data::Loader loader(rows_, policy_, cache_.get(), rules, at_.step, at_.steps);
  std::optional<Diary> diary;
  from_first(world_, [&] {
    diary.emplace(out, config_.train.tensorboard, at_.steps, at_.step);
    return Json();
  });
  // Completes the line of the step just done and writes it. A stop in between leaves the line to the next part of the run.
  const auto conclude = [&] {
    if (!at_.unwritten.is_null()) {
      if (evaluates()) at_.unwritten.update(evaluate());
      from_first(world_, [&] {
        diary->metrics.write(at_.unwritten);
        return Json();
      });
      last_ = std::exchange(at_.unwritten, nullptr);
    }
    if (diary) diary->update(at_.step, last_);
    if (saved_ != at_.step && config_.train.save_every > 0 && at_.step % config_.train.save_every == 0) save(out);
  };
  try {
    conclude();
    check_passes();
    while (!last_step() && at_.step != options_.halt_after) {
      at_.unwritten = one_step(loader);
      conclude();
    }
  } catch (const Stopped&) {
    if (world_.first()) log_info("stopped after step " + std::to_string(at_.step));
  }
  if (saved_ != at_.step) {
    if (done())
      join_media();
    else
      save(out);
  }
  if (diary) diary->progress.finish();
}

}  // namespace rrpo::train
