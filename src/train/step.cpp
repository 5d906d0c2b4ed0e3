#include "rrpo/train/step.h"

#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>

#include "agree.h"
#include "position.h"
#include "rrpo/util/clock.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"
#include "rrpo/util/table.h"

namespace rrpo::train {

namespace {

[[noreturn]] void not_finite(const char* what, const std::vector<std::string>& ids, int64_t saved) {
  const std::string back = saved > 0 ? "; the checkpoint after step " + std::to_string(saved) + " is good" : "";
  throw Error(Fault::numerics, "train", std::string(what) + " is not finite for " + join(ids) + "; no weight was changed",
              "look at these rows with rrpo-train score, or lower optim.lr" + back);
}

/// What a pass came to.
struct PassReport {
  int64_t number = 0;  ///< in the window
  std::vector<std::string> ids;
  std::vector<data::SkippedRow> skipped;
  MetricSums sums = {};
  at::Tensor norm = {};  ///< of the gradients after it, on their device; undefined where there are none
};

/// What a rank did of a window.
struct Part {
  std::vector<PassReport> passes;
  double seconds_data = 0;
};

/// Adds one micro-batch to the gradients.
MetricSums accumulate(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch, int64_t saved) {
  const Pass pass = forward(scorer, dataset, batch);
  const MetricSums sums = measure(pass, scorer.objective);
  if (!std::isfinite(sums.loss(scorer.objective))) not_finite("the loss", pairs_not_finite(pass, batch), saved);
  total_loss(pass, scorer.objective).backward();
  return sums;
}

/// The passes of this rank. A window of one pass leaves the gradients to autograd, which makes each when the activations
/// before it are gone: a buffer for them would stand beside all of those.
Part accumulate_window(const Stepper& stepper, int64_t saved) {
  Part part;
  Parameters& weights = stepper.optimizer.weights();
  for (bool open = true; open;) {
    check_stop();
    const Stopwatch clock;
    const std::optional<data::PairBatch> batch = stepper.loader.next();
    part.seconds_data += clock.seconds();
    expect(batch.has_value(), "the loader ended inside a window");
    open = !batch->place.ends_window;
    const bool buffered = open || !stepper.world.alone() || weights.has_buffer();
    if (part.passes.empty() && buffered) weights.open_window();
    PassReport& pass = part.passes.emplace_back(PassReport{batch->place.number, batch->ids, batch->skipped});
    if (batch->pairs() == 0) continue;
    pass.sums = accumulate(stepper.scorer, stepper.dataset, *batch, saved);
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

Json told(const Part& part, const Parameters& weights) {
  Json passes = Json::array();
  for (const PassReport& pass : part.passes) {
    passes.push_back(
        {{"number", pass.number}, {"ids", pass.ids}, {"skipped", skipped_json(pass.skipped)}, {"sums", pass.sums.told()}});
  }
  std::string touched(weights.size(), '0');
  for (size_t i = 0; i < weights.size(); ++i) touched[i] = weights.touched(i) ? '1' : '0';
  return {{"passes", passes}, {"touched", touched}, {"seconds_data", part.seconds_data}};
}

/// The window as all ranks saw it, its passes in their order: sums then add up as in one process.
StepReport joined(const std::vector<Json>& parts) {
  StepReport report;
  std::vector<PassReport> passes;
  for (const Json& part : parts) {
    report.seconds_data = std::max(report.seconds_data, part.at("seconds_data").get<double>());
    for (const Json& pass : part.at("passes")) {
      passes.push_back({pass.at("number").get<int64_t>(), pass.at("ids").get<std::vector<std::string>>(),
                        read_skipped(pass.at("skipped")), MetricSums::heard(pass.at("sums"))});
    }
  }
  std::stable_sort(passes.begin(), passes.end(),
                   [](const PassReport& a, const PassReport& b) { return a.number < b.number; });
  for (const PassReport& pass : passes) {
    report.skipped.insert(report.skipped.end(), pass.skipped.begin(), pass.skipped.end());
    report.ids.insert(report.ids.end(), pass.ids.begin(), pass.ids.end());
    report.sums.add(pass.sums);
  }
  return report;
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

}  // namespace

StepReport step(const Stepper& stepper, double lr, int64_t saved) {
  const Unfinished window(stepper.optimizer);
  double norm = 0;
  const std::vector<Json> parts = agree(stepper.world, [&] {
    const Part part = accumulate_window(stepper, saved);
    norm = checked_norm(part, saved);
    return told(part, stepper.optimizer.weights());
  });
  StepReport report = joined(parts);
  if (report.sums.pairs == 0) return report;
  if (!stepper.world.alone()) norm = sum_gradients(stepper, parts);
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
