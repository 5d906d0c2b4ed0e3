#include "dry_run.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>

#include <algorithm>

#include "rrpo/data/media.h"
#include "rrpo/data/tensor_file.h"
#include "rrpo/model/weights.h"
#include "rrpo/policy/device.h"
#include "rrpo/train/learner.h"
#include "rrpo/train/plan.h"
#include "rrpo/train/schedule.h"
#include "rrpo/util/clock.h"
#include "session.h"

namespace rrpo::train {

namespace {

constexpr int64_t kProgramBytes = 200'000'000;  ///< what LibTorch and the program take before they compute anything

/// The rows of one pass at most, as many pairs as a pass takes of the longest one; `shared` pairs stand about one video.
PairRows largest_pass(PairRows longest, int64_t pairs, int64_t shared) {
  const int64_t videos = (pairs + shared - 1) / shared;
  longest.prefix *= static_cast<double>(videos);
  longest.vision.flop *= static_cast<double>(videos);
  longest.vision.kept_values *= static_cast<double>(videos);
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

/// The rows that a clip of this form takes with the words before them. Where only encoding tells their number: as if no
/// token were left out.
int64_t clip_rows(const policy::Policy& policy, const model::ClipForm& form) {
  const model::Vision& vision = policy.lvlm.vision();
  const std::vector<model::VisualRun> runs = vision.runs(form).value_or(vision.most_runs(form));
  return data::ShownClip{policy::clip_leads(policy, runs, form.still), runs}.rows();
}

/// What a row shows: as many frames as it lists, or as `video.sampling` gives. No file is opened where the eye takes squares
/// of a number that the row or the configuration says.
Seen seen_by(const OpenRun& run, const data::Sample& sample) {
  const bool still = data::is_still(run.policy, sample.media);
  std::optional<model::ClipForm> form;
  if (!still && data::has_fixed_count(sample.media, run.config.video))
    form = data::square_form(run.policy, data::most_frames(sample.media, run.config.video));
  if (!form) {
    const video::Frames outline = data::outline_media(sample.media, run.config.data.video_root, run.config.video);
    form = data::form_of(run.policy, sample.media, outline, run.config.video);
  }
  return {run.policy.lvlm.vision().cost(*form), clip_rows(run.policy, *form)};
}

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
  const auto seen = [&run](const data::Sample& sample) { return seen_by(run, sample); };
  const int64_t per_video = run.rows.rows() / std::max<int64_t>(1, static_cast<int64_t>(run.rows.videos.size()));
  PairRows mean = mean_rows(run.rows, seen);
  mean.pairs = std::max<int64_t>(1, std::min(config.data.group_by_video, per_video));
  const PairRows largest = largest_pass(longest_rows(run.rows, seen), micro_rows(config), mean.pairs);
  const StepKind kind = step_kind(config, run.objective);
  const ModelShape shape = shape_of(run.policy.lvlm, {.targets = {}});
  const double batches = static_cast<double>(config.train.batch_pairs) / static_cast<double>(mean.pairs);
  const bool gpu = policy::resolve_device(config.device).starts_with("cuda");
  const Memory memory = memory_of(shape, largest, kind, memory_rules(gpu, config.train.batch_pairs > largest.pairs));
  double parameters = 0;
  for (const model::NamedTensor& weight : run.optimizer.parameters())
    parameters += static_cast<double>(weight.tensor->numel());
  const double flop = flop_of(shape, mean, kind).total() * batches;
  const double seconds = flop / product_speed(run, largest.rows());
  const int64_t checkpoint = checkpoint_bytes(run);
  return {{"warmup_steps", warmup_steps(config.optim.warmup_ratio, run.steps)},
          {"tokens_per_pair", mean.rows() / static_cast<double>(mean.pairs)},
          {"flop_per_step", flop},
          {"seconds_per_step_at_least", seconds},
          {"seconds_at_least", seconds * static_cast<double>(run.steps)},
          {"peak_memory_bytes", static_cast<int64_t>(memory.total()) + kProgramBytes},
          {"memory_bytes",
           {{"weights", static_cast<int64_t>(memory.weights)},
            {"trained", static_cast<int64_t>(memory.trained)},
            {"saved", static_cast<int64_t>(memory.saved)},
            {"workspace", static_cast<int64_t>(memory.workspace)},
            {"program", kProgramBytes}}},
          {"checkpoint_bytes", checkpoint},
          {"disk_bytes", disk_bytes(run, trains_adapter(config.train) ? parameters : shape.parameters, checkpoint)}};
}

}  // namespace rrpo::train
