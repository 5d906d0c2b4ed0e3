#include "dry_run.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>

#include <algorithm>

#include "planned_pass.h"
#include "rrpo/data/tensor_file.h"
#include "rrpo/model/weights.h"
#include "rrpo/policy/device.h"
#include "rrpo/train/learner.h"
#include "rrpo/train/schedule.h"
#include "rrpo/util/clock.h"

namespace rrpo::train {

namespace {

/// Bytes of one checkpoint: what is trained, its moments, and where an adapter is trained that again in PEFT's form; the
/// rest is text, mostly the configuration and the names of the adapter's modules.
int64_t checkpoint_bytes(const OpenRun& run) {
  data::TensorMap trained;
  int64_t names = 0;
  for (const model::NamedTensor& weight : run.optimizer.parameters()) {
    trained[weight.name] = *weight.tensor;
    names += static_cast<int64_t>(weight.name.size());
  }
  const int64_t tensors = data::file_bytes(trained), moments = data::file_bytes(run.optimizer.state());
  const auto text = static_cast<int64_t>(config_json(run.config).dump(2).size());
  return tensors + moments + text + (trains_adapter(run.config.train) ? tensors + names / 2 : 0);
}

/// Bytes on disk at most: the checkpoints that are kept and the one being written, the result, a line of metrics a step.
int64_t disk_bytes(const OpenRun& run, double parameters, int64_t checkpoint) {
  const LoopConfig& loop = run.config.train;
  const int64_t kept = loop.save_every > 0 ? std::min(loop.keep, run.steps / loop.save_every) + 1 : 1;
  constexpr int64_t kLine = 500;
  return kept * checkpoint + static_cast<int64_t>(4 * parameters) + kLine * run.steps;
}

/// FLOP a second of a product of `rows` rows as the decoder's MLP has them, with the threads that the run uses.
double product_speed(const OpenRun& run, double rows) {
  const at::NoGradGuard frozen;
  const model::Weights& weights = run.policy.lvlm.weights();
  const at::Device device(policy::resolve_device(run.config.device));
  const auto options = at::TensorOptions(device).dtype(weights.type);
  const int64_t height = std::clamp<int64_t>(static_cast<int64_t>(rows), 64, device.is_cpu() ? 512 : 8192);
  const int64_t width = model::width(run.policy.lvlm);
  const int64_t inner = std::min<int64_t>(weights.decoder.layers.front().up.weight.size(0), device.is_cpu() ? 4096 : 20000);
  const at::Tensor x = at::ones({height, width}, options), matrix = at::ones({inner, width}, options).t();
  at::Tensor product = at::mm(x, matrix);  // the first one also wakes the library up
  const auto done = [&] { return product.select(0, 0).select(0, 0).item<double>(); };
  done();
  const Stopwatch clock;
  double flop = 0;
  for (double seconds = 0; seconds < 0.2; seconds = clock.seconds()) {
    product = at::mm(x, matrix);
    done();
    flop += 2.0 * static_cast<double>(height) * static_cast<double>(width) * static_cast<double>(inner);
  }
  return flop / clock.seconds();
}

}  // namespace

Json plan_json(const OpenRun& run) {
  const TrainConfig& config = run.config;
  const PlannedPass pass = plan_pass(config, run.objective, run.policy, run.rows, run.ranks);
  const double batches = static_cast<double>(config.train.batch_pairs) / static_cast<double>(pass.mean.pairs);
  const Memory memory = memory_of(pass.shape, pass.largest, pass.kind, pass.rules);
  double parameters = 0;
  for (const model::NamedTensor& weight : run.optimizer.parameters())
    parameters += static_cast<double>(weight.tensor->numel());
  const double flop = flop_of(pass.shape, pass.mean, pass.kind, pass.rules).total() * batches;
  const double speed = product_speed(run, pass.largest.rows()), seconds = flop / speed;
  const double check = config.train.self_check ? self_check_flop(pass.shape, pass.mean, pass.kind) : 0;
  const int64_t checkpoint = checkpoint_bytes(run);
  return {{"warmup_steps", warmup_steps(config.optim.warmup_ratio, run.steps)},
          {"tokens_per_pair", pass.mean.rows() / static_cast<double>(pass.mean.pairs)},
          {"flop_per_step", flop},
          {"seconds_per_step_at_least", seconds},
          {"self_check_flop", check},
          {"seconds_at_least", seconds * static_cast<double>(run.steps) + check / speed},
          {"peak_memory_bytes", static_cast<int64_t>(memory.total()) + kProgramBytes},
          {"memory_bytes",
           {{"weights", static_cast<int64_t>(memory.weights)},
            {"trained", static_cast<int64_t>(memory.trained)},
            {"saved", static_cast<int64_t>(memory.saved)},
            {"workspace", static_cast<int64_t>(memory.workspace)},
            {"program", kProgramBytes}}},
          {"checkpoint_bytes", checkpoint},
          {"disk_bytes", disk_bytes(run, trains_adapter(config.train) ? parameters : pass.shape.parameters, checkpoint)}};
}

}  // namespace rrpo::train
