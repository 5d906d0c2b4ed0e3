#include "rrpo/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "rrpo/util/log.h"

namespace rrpo::train {

const std::vector<std::string>& schedules() {
  static const std::vector<std::string> names = {"cosine", "linear", "constant"};
  return names;
}

int64_t warmup_steps(double ratio, int64_t steps) {
  return static_cast<int64_t>(std::ceil(ratio * static_cast<double>(steps)));
}

double learning_rate(const OptimConfig& optim, int64_t step, int64_t steps) {
  const int64_t warmup = warmup_steps(optim.warmup_ratio, steps);
  if (step < warmup) return optim.lr * static_cast<double>(step) / static_cast<double>(warmup);
  const double progress = static_cast<double>(step - warmup) / static_cast<double>(std::max<int64_t>(1, steps - warmup));
  if (optim.schedule == "cosine") return optim.lr * (1 + std::cos(std::numbers::pi * progress)) / 2;
  if (optim.schedule == "linear") return optim.lr * (1 - progress);
  return optim.lr;
}

void check_rates(const OptimConfig& optim, int64_t steps) {
  int64_t idle = 0;
  while (idle < steps && learning_rate(optim, idle, steps) == 0) ++idle;
  if (idle == steps) {
    bad_field("optim.warmup_ratio",
              Json(optim.warmup_ratio).dump() + " makes " + std::to_string(warmup_steps(optim.warmup_ratio, steps)) +
                  " of " + std::to_string(steps) + " steps the warm-up, which begins at rate 0: nothing would be learnt",
              "optim.warmup_ratio=0, or more steps: smaller train.batch_pairs, larger train.epochs");
  }
  if (idle > 0) {
    log_info("the warm-up takes " + std::to_string(warmup_steps(optim.warmup_ratio, steps)) + " of " +
             std::to_string(steps) + " steps and begins at rate 0: the first step changes no weight");
  }
}

}  // namespace rrpo::train
