#include "rrpo/train/step.h"

#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>

#include "agree.h"
#include "denominators.h"
#include "rounds.h"
#include "rrpo/util/clock.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"
#include "rrpo/util/table.h"
#include "window.h"

namespace rrpo::train {

namespace {

[[noreturn]] void not_finite(const char* what, const std::vector<std::string>& ids, int64_t saved) {
  const std::string back = saved > 0 ? "; the checkpoint after step " + std::to_string(saved) + " is good" : "";
  throw Error(Fault::numerics, "train", std::string(what) + " is not finite for " + join(ids) + "; no weight was changed",
              "look at these rows with rrpo-train score, or lower optim.lr" + back);
}

/// A window that is about to be taken, and on which of its rows the terms count. One pass goes back for all of them: where
/// their averages differ, each has to know its denominator before the first pass.
struct Counted {
  data::Loader& loader;
  std::set<std::string> unread;              ///< ids of rows that are known to be bad
  std::optional<std::vector<int64_t>> rows;  ///< absent: all of the window but those
};

/// Adds one micro-batch to the gradients. `over`: what each term averages over; empty where that is the same.
MetricSums accumulate(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch,
                      const std::vector<double>& over, int64_t saved) {
  const Pass pass = forward(scorer, dataset, batch);
  const MetricSums sums = measure(pass, scorer.objective);
  if (!std::isfinite(sums.loss(scorer.objective))) not_finite("the loss", pairs_not_finite(pass, batch), saved);
  total_loss(pass, scorer.objective, over).backward();
  return sums;
}

/// The denominators of a window; nothing where all terms have one.
std::vector<double> planned(const Stepper& stepper, Counted& counted, const data::MicroBatch& first) {
  if (!averages_differ(stepper.scorer.objective)) return {};
  if (!counted.rows) counted.rows = without(counted.loader.window_rows(first.window), stepper.dataset, counted.unread);
  return denominators(stepper.scorer.objective, stepper.dataset, *counted.rows);
}

/// True where other rows could be read than were counted on: what the passes come to will be thrown away.
bool in_vain(const Counted& counted, const data::PairBatch& batch) {
  if (!counted.rows) return false;
  const auto counts = [&](int64_t row) {
    return std::find(counted.rows->begin(), counted.rows->end(), row) != counted.rows->end();
  };
  const auto known = [&](const data::SkippedRow& row) { return counted.unread.contains(row.id); };
  return !std::all_of(batch.place.rows.begin(), batch.place.rows.end(), counts) ||
         !std::all_of(batch.skipped.begin(), batch.skipped.end(), known);
}

/// The passes of this rank. A window of one pass leaves the gradients to autograd, which makes each when the activations
/// before it are gone: a buffer for them would stand beside all of those.
Part accumulate_window(const Stepper& stepper, Counted& counted, int64_t saved) {
  Part part;
  std::vector<double> over;
  Parameters& weights = stepper.optimizer.weights();
  for (bool open = true; open;) {
    check_stop();
    const Stopwatch clock;
    const std::optional<data::PairBatch> batch = counted.loader.next();
    part.seconds_data += clock.seconds();
    expect(batch.has_value(), "the loader ended inside a window");
    open = !batch->place.ends_window;
    const bool buffered = open || !stepper.world.alone() || weights.has_buffer();
    if (part.passes.empty() && buffered) weights.open_window();
    if (part.passes.empty()) over = planned(stepper, counted, batch->place);
    part.window = batch->place.window;
    PassReport& pass =
        part.passes.emplace_back(PassReport{batch->place.number, batch->place.rows, batch->ids, batch->skipped});
    part.whole = part.whole && !in_vain(counted, *batch);
    if (batch->pairs() == 0 || !part.whole) continue;
    pass.sums = accumulate(stepper.scorer, stepper.dataset, *batch, over, saved);
    pass.norm = weights.gradient_norm();
  }
  return part;
}

/// The norm after the last pass; all are read in one wait for the device. Throws for the first that is not finite.
double checked_norm(const Part& part, int64_t saved) {
  std::vector<at::Tensor> norms;
  std::vector<const PassReport*> passes;
  for (const PassReport& pass : part.passes) {
    if (!pass.norm.defined()) continue;
    norms.push_back(pass.norm);
    passes.push_back(&pass);
  }
  if (norms.empty()) return 0;
  const at::Tensor values = at::stack(norms).cpu().to(at::kDouble);
  const double* value = values.const_data_ptr<double>();
  for (size_t i = 0; i < norms.size(); ++i) {
    if (!std::isfinite(value[i])) not_finite("the gradient", passes[i]->ids, saved);
  }
  return value[norms.size() - 1];
}

/// Makes the gradients those of all ranks and returns their norm.
double sum_gradients(const Stepper& stepper, const std::vector<Json>& parts) {
  Parameters& weights = stepper.optimizer.weights();
  for (const Json& part : parts) {
    const std::string touched = part.at("touched").get<std::string>();
    for (size_t i = 0; i < touched.size(); ++i) {
      if (touched[i] == '1') weights.touch(i);
    }
  }
  for (at::Tensor& buffer : weights.gradients().buffers()) stepper.world.sum(buffer);
  return stepper.optimizer.gradient_norm();
}

/// Whatever ends a window before its update leaves no gradient behind: the window may be taken again.
class Unfinished {
 public:
  explicit Unfinished(AdamW& optimizer) : optimizer_(optimizer) {}
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished() { optimizer_.drop_gradients(); }

 private:
  AdamW& optimizer_;
};

/// A window once all ranks are through with it.
struct Taken {
  std::vector<Json> parts;
  StepReport report;
  double norm = 0;  ///< of this rank's gradients
};

Taken take(const Stepper& stepper, Counted& counted, int64_t saved) {
  Taken taken;
  const auto own_part = [&] {
    const Part part = accumulate_window(stepper, counted, saved);
    taken.norm = checked_norm(part, saved);
    return told(part, stepper.optimizer.weights());
  };
  const int64_t rounds = counted.loader.most_passes();
  taken.parts = agree(stepper.world, [&] { return in_rounds(stepper.scorer, rounds, {.backward = true}, own_part); });
  taken.report = joined(taken.parts);
  return taken;
}

/// True where every rank took all its passes, and the rows were those that its terms had counted on.
bool as_counted(const Counted& counted, const Taken& taken) {
  if (!counted.rows) return true;
  const auto whole = [](const Json& part) { return part.at("whole").get<bool>(); };
  std::vector<int64_t> rows = *counted.rows;
  std::sort(rows.begin(), rows.end());
  return std::all_of(taken.parts.begin(), taken.parts.end(), whole) && rows == rows_of(taken.parts);
}

/// A row that was counted on and could not be read, or the other way round.
[[noreturn]] void comes_and_goes(const Stepper& stepper, const Counted& counted, const Taken& taken) {
  const std::vector<int64_t> now = rows_of(taken.parts);
  std::vector<int64_t> rows;
  std::set_symmetric_difference(counted.rows->begin(), counted.rows->end(), now.begin(), now.end(),
                                std::back_inserter(rows));
  const std::string id = rows.empty() ? "" : stepper.dataset.samples[static_cast<size_t>(rows.front())].id + ": ";
  throw Error(Fault::environment, "data", id + "its media can be read at one time and not at another",
              "see that the place they lie in can be relied on");
}

/// The passes of the next window. Rows that turn out to be bad change what the terms average over, and so the gradient of
/// each pass before: where the averages differ the window is then taken once more, by all ranks, since all see the same.
Taken take_window(const Stepper& stepper, int64_t saved) {
  constexpr int64_t kMostTimes = 3;
  Counted counted{stepper.loader, stepper.unread, std::nullopt};
  Taken taken = take(stepper, counted, saved);
  for (int64_t time = 1; !as_counted(counted, taken); ++time) {
    if (time == kMostTimes) comes_and_goes(stepper, counted, taken);
    stepper.optimizer.drop_gradients();
    data::Loader again = stepper.loader.again(taken.parts.front().at("window").get<int64_t>());
    Counted known{again, ids_of(taken.report.skipped), rows_of(taken.parts)};
    const double seconds_data = taken.report.seconds_data;
    taken = take(stepper, known, saved);
    taken.report.seconds_data += seconds_data;
    counted.rows = known.rows;
  }
  return taken;
}

/// What the passes were scaled by is what they came to.
void check_counts(const Stepper& stepper, const Taken& taken) {
  const loss::Objective& objective = stepper.scorer.objective;
  if (!averages_differ(objective)) return;
  const std::vector<double> over = denominators(objective, stepper.dataset, rows_of(taken.parts));
  for (size_t i = 0; i < over.size(); ++i)
    expect(taken.report.sums.terms.at(i).over == over[i], "a term averages over something else than was counted");
}

}  // namespace

StepReport step(const Stepper& stepper, double lr, int64_t saved) {
  const Unfinished window(stepper.optimizer);
  Taken taken = take_window(stepper, saved);
  StepReport& report = taken.report;
  if (report.sums.pairs == 0) return report;
  check_counts(stepper, taken);
  double norm = taken.norm;
  if (!stepper.world.alone()) norm = sum_gradients(stepper, taken.parts);
  if (!std::isfinite(norm)) not_finite("the gradient", report.ids, saved);
  report.grad_norm = stepper.optimizer.step(lr, 1 / report.sums.terms.at(0).over, norm);
  report.updated = true;
  return report;
}

StepReport step(const Scorer& scorer, const data::Dataset& dataset, data::Loader& loader, AdamW& optimizer, double lr,
                int64_t saved) {
  const world::World alone;
  return step({scorer, dataset, loader, optimizer, alone}, lr, saved);
}

}  // namespace rrpo::train
