#include "planned_pass.h"

#include <algorithm>
#include <optional>
#include <set>

#include "recompute.h"
#include "rrpo/data/media.h"
#include "rrpo/model/shards.h"
#include "rrpo/policy/device.h"
#include "rrpo/train/learner.h"
#include "session.h"

namespace rrpo::train {

namespace {

/// The rows of one pass at most, as many pairs as a pass takes of the longest one; `shared` pairs stand about one video.
PairRows largest_pass(PairRows longest, int64_t pairs, int64_t shared) {
  longest.pairs = pairs;
  longest.videos = (pairs + shared - 1) / shared;
  return longest;
}

/// Videos that the rows are about, without second ones and those for the reference.
int64_t own_videos(const data::Dataset& rows) {
  std::set<int64_t> videos;
  for (const data::Sample& sample : rows.samples) videos.insert(sample.own.video);
  return static_cast<int64_t>(videos.size());
}

/// What is computed in a step and gets gradients.
StepKind step_kind(const TrainConfig& config, const loss::Objective& objective) {
  const auto trains = [&](const char* part) {
    const auto& names = config.train.trainable;
    return std::any_of(names.begin(), names.end(),
                       [part](const std::string& name) { return name == part || name == "all"; });
  };
  return {.encode = true,
          .reference = objective.needs_reference,
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
Seen seen_by(const TrainConfig& config, const policy::Policy& policy, const rows::Media& media) {
  const bool still = data::is_still(policy, media);
  std::optional<model::ClipForm> form;
  if (!still && data::has_fixed_count(media, config.video))
    form = data::square_form(policy, data::most_frames(media, config.video));
  if (!form) {
    const video::Frames outline = data::outline_media(media, config.data.video_root, config.video);
    form = data::form_of(policy, media, outline, config.video);
  }
  return {policy.lvlm.vision().cost(*form), clip_rows(policy, *form)};
}

/// The adapter that the run will make where it has none yet.
model::LoraConfig new_adapter(const TrainConfig& config, const policy::Policy& policy) {
  if (!trains_adapter(config.train) || model::has_adapter(policy.lvlm)) return {.targets = {}};
  return {config.lora.rank, config.lora.alpha, config.lora.targets};
}

}  // namespace

PlannedPass plan_pass(const TrainConfig& config, const loss::Objective& objective, const policy::Policy& policy,
                      const data::Dataset& rows, int64_t ranks) {
  const auto seen = [&](const data::AskedClip& clip) { return seen_by(config, policy, rows.view(clip).media); };
  const int64_t per_video = rows.rows() / std::max<int64_t>(1, own_videos(rows));
  PlannedPass pass;
  pass.shape = shape_of(policy.lvlm, new_adapter(config, policy));
  pass.mean = mean_rows(rows, seen);
  pass.mean.pairs = std::max<int64_t>(1, std::min(config.data.group_by_video, per_video));
  pass.largest = largest_pass(longest_rows(rows, seen), micro_rows(config), pass.mean.pairs);
  pass.kind = step_kind(config, objective);
  const bool gpu = policy::resolve_device(config.device).starts_with("cuda");
  const model::PassRules again = recompute_rules("train.recompute", config.train.recompute);
  pass.rules = memory_rules(gpu, ranks > 1 || config.train.batch_pairs > pass.largest.pairs);
  const model::Holding holding = model::holding_of(config.model.frozen);
  pass.rules.nf4 = holding.nf4;
  pass.rules.sharing = holding.sharded ? ranks : 1;
  pass.rules.recompute = again.recompute;
  pass.rules.recompute_layers = again.recompute_layers;
  return pass;
}

}  // namespace rrpo::train
