#include "session.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdlib>

#include "references.h"
#include "rrpo/policy/memory.h"
#include "rrpo/util/compat.h"
#include "rrpo/util/stop.h"

namespace rrpo::train {

namespace {

/// Videos that are looked into or read at a time.
int64_t reading_threads(const TrainConfig& config) {
  return config.data.threads > 0 ? config.data.threads : data::default_loader_threads();
}

}  // namespace

data::Dataset open_rows(const std::vector<std::filesystem::path>& files, const TrainConfig& config,
                        const policy::Policy& policy, const loss::Objective& objective, bool skip_bad_rows) {
  const data::DatasetRules rules{.roles = objective.roles,
                                 .reference_apart = objective.reference_apart,
                                 .marks = objective.needs_marks,
                                 .skip_bad_rows = skip_bad_rows,
                                 .difference = config.data.marks == "difference",
                                 .official = is_official(config.compat),
                                 .video = config.video,
                                 .threads = reading_threads(config)};
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
          .threads = reading_threads(config),
          .ahead_bytes = config.data.ahead_mb << 20,
          .skip_bad_media = skip_bad_media};
}

std::unique_ptr<data::VisualCache> open_cache(const TrainConfig& config, policy::Policy& policy,
                                              const loss::Objective& objective) {
  auto cache = std::make_unique<data::VisualCache>(visual_cache_bytes(config, objective));
  if (config.data.cache) cache->open_folder(*config.data.cache, policy, config.video, config.data.video_root);
  return cache;
}

void require_inputs(const TrainConfig& config) {
  if (config.model.path.empty()) bad_field("model.path", "is not given", "name the folder of a checkpoint");
  if (config.data.pairs.empty()) bad_field("data.pairs", "is not given", "name a pair file");
}

Result with_record(io::RunRecord& record, const std::function<Result()>& work) {
  try {
    return work();
  } catch (const Stopped&) {
    const int code = 128 + stop_signal();
    record.end(code);
    return {Json::object(), code};
  } catch (const Error& error) {
    record.fail(error.exit_code(), error.what());
    throw;
  } catch (const std::exception& error) {
    const std::optional<Error> memory = policy::memory_error(error);
    record.fail(memory ? memory->exit_code() : 1, memory ? memory->what() : error.what());
    if (memory) throw *memory;
    throw;
  }
}

Result with_stops(const std::function<Result()>& work) {
  try {
    return work();
  } catch (const Stopped&) {
    return {Json::object(), 128 + stop_signal()};
  }
}

void set_tensor_threads(int64_t threads) { at::set_num_threads(static_cast<int>(threads)); }

void keep_inputs(io::RunHead& head, const TrainConfig& config, const data::Dataset& rows) {
  head.keep.push_back(config.model.path);
  if (config.model.adapter) head.keep.push_back(*config.model.adapter);
  for (const rows::View& view : rows.videos) {
    const rows::Media& media = view.media;
    if (!media.video.empty()) head.keep.push_back(config.data.video_root / media.video);
    if (media.folder) head.keep.push_back(config.data.video_root / media.folder->path);
    for (const std::string& frame : media.frames) head.keep.push_back(config.data.video_root / frame);
  }
}

}  // namespace rrpo::train
