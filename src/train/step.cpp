#include "rrpo/train/step.h"

#include <cmath>

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

/// Adds one micro-batch to the gradients and returns its sums; `norm` becomes the norm of the gradients so far.
MetricSums accumulate(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch,
                      const AdamW& optimizer, int64_t saved, double& norm) {
  const Pass pass = forward(scorer, dataset, batch);
  const MetricSums sums = measure(pass, scorer.objective.row->needs_rejected);
  if (!std::isfinite(sums.loss)) not_finite("the loss", pairs_not_finite(pass, batch), saved);
  pass.output.loss.sum().backward();
  norm = optimizer.gradient_norm();
  if (!std::isfinite(norm)) not_finite("the gradient", batch.ids, saved);
  return sums;
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

StepReport step(const Scorer& scorer, const data::Dataset& dataset, data::Loader& loader, AdamW& optimizer, double lr,
                int64_t saved) {
  StepReport report;
  double norm = 0;
  const Unfinished window(optimizer);
  for (bool open = true; open;) {
    check_stop();
    const std::optional<data::PairBatch> batch = loader.next();
    expect(batch.has_value(), "the loader ended inside a window");
    report.skipped.insert(report.skipped.end(), batch->skipped.begin(), batch->skipped.end());
    report.ids.insert(report.ids.end(), batch->ids.begin(), batch->ids.end());
    if (batch->pairs() > 0) report.sums.add(accumulate(scorer, dataset, *batch, optimizer, saved, norm));
    open = !batch->place.ends_window;
  }
  if (report.sums.pairs == 0) return report;
  report.grad_norm = optimizer.step(lr, 1 / report.sums.denominator(scorer.objective.row->average), norm);
  report.updated = true;
  return report;
}

}  // namespace rrpo::train
