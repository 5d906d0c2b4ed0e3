#include "rrpo/train/step.h"

#include <cmath>

#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"
#include "rrpo/util/table.h"

namespace rrpo::train {

namespace {

[[noreturn]] void not_finite(const char* what, const std::vector<std::string>& ids) {
  throw Error(Fault::numerics, "train", std::string(what) + " is not finite for " + join(ids) + "; no weight was changed",
              "look at these rows with rrpo-train score, or lower optim.lr; the last checkpoint is good");
}

/// The ids of the pairs whose loss is not finite.
std::vector<std::string> bad_pairs(const at::Tensor& loss, const std::vector<std::string>& ids) {
  const at::Tensor finite = loss.detach().isfinite().cpu();
  std::vector<std::string> bad;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!finite.select(0, static_cast<int64_t>(i)).item<bool>()) bad.push_back(ids[i]);
  }
  return bad;
}

/// Adds one micro-batch to the gradients and returns its sums; `norm` becomes the norm of the gradients so far.
MetricSums accumulate(const Scorer& scorer, const data::Dataset& dataset, const data::PairBatch& batch,
                      const AdamW& optimizer, double& norm) {
  const Pass pass = forward(scorer, dataset, batch);
  const MetricSums sums = measure(pass, scorer.objective.row->needs_rejected);
  if (!std::isfinite(sums.loss)) not_finite("the loss", bad_pairs(pass.output.loss, batch.ids));
  pass.output.loss.sum().backward();
  norm = optimizer.gradient_norm();
  if (!std::isfinite(norm)) not_finite("the gradient", batch.ids);
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

StepReport step(const Scorer& scorer, const data::Dataset& dataset, data::Loader& loader, AdamW& optimizer, double lr) {
  StepReport report;
  double norm = 0;
  const Unfinished window(optimizer);
  for (bool open = true; open;) {
    check_stop();
    const std::optional<data::PairBatch> batch = loader.next();
    expect(batch.has_value(), "the loader ended inside a window");
    report.skipped.insert(report.skipped.end(), batch->skipped.begin(), batch->skipped.end());
    report.ids.insert(report.ids.end(), batch->ids.begin(), batch->ids.end());
    if (batch->pairs() > 0) report.sums.add(accumulate(scorer, dataset, *batch, optimizer, norm));
    open = !batch->place.ends_window;
  }
  if (report.sums.pairs == 0) return report;
  report.grad_norm = optimizer.step(lr, 1 / report.sums.denominator(scorer.objective.row->average), norm);
  report.updated = true;
  return report;
}

}  // namespace rrpo::train
