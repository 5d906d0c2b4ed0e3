#include "session.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdlib>

#include "rrpo/util/compat.h"
#include "rrpo/util/ranks.h"

namespace rrpo::train {

data::Dataset open_rows(const std::vector<std::filesystem::path>& files, const TrainConfig& config,
                        const policy::Policy& policy, const loss::Objective& objective, bool skip_bad_rows) {
  const data::DatasetRules rules{.rejected = objective.row->needs_rejected,
                                 .marks = objective.needs_marks,
                                 .skip_bad_rows = skip_bad_rows,
                                 .difference = config.data.marks == "difference",
                                 .official = is_official(config.compat),
                                 .video = config.video};
  return data::read_dataset(files, config.data.video_root, policy, rules);
}

int64_t micro_rows(const TrainConfig& config) { return std::max(config.train.micro_pairs, config.data.group_by_video); }

data::LoaderRules loader_rules(const TrainConfig& config, bool shuffle, int64_t batch, bool skip_bad_media) {
  return {.root = config.data.video_root,
          .video = config.video,
          .order = {.seed = static_cast<uint64_t>(config.seed),
                    .shuffle = shuffle,
                    .group_by_video = config.data.group_by_video},
          .batch = {.batch = batch, .micro = micro_rows(config)},
          .threads = data::default_loader_threads(),
          .skip_bad_media = skip_bad_media};
}

std::unique_ptr<data::VisualCache> open_cache(const TrainConfig& config, policy::Policy& policy) {
  auto cache = std::make_unique<data::VisualCache>();
  if (config.data.cache) cache->open_folder(*config.data.cache, policy, config.video, config.data.video_root);
  return cache;
}

void require_inputs(const TrainConfig& config) {
  if (config.model.path.empty()) bad_field("model.path", "is not given", "name the folder of a checkpoint");
  if (config.data.pairs.empty()) bad_field("data.pairs", "is not given", "name a pair file");
}

void require_one_process() { rrpo::require_one_process("train"); }

void set_tensor_threads(int64_t threads) { at::set_num_threads(static_cast<int>(threads)); }

void check_target(const std::filesystem::path& out, io::Existing existing) {
  std::error_code absent;
  if (!std::filesystem::exists(out) || std::filesystem::is_empty(out, absent)) return;
  const bool ours = std::filesystem::is_directory(out) && std::filesystem::exists(out / "config.json");
  if (existing == io::Existing::overwrite && ours) return;
  throw Error(Fault::environment, "io", out.string() + ": is not empty",
              ours ? "--overwrite replaces the checkpoint, or choose another --out" : "choose another --out");
}

}  // namespace rrpo::train
