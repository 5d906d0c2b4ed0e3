#include "references.h"

#include "rrpo/train/learner.h"

namespace rrpo::train {

namespace {

/// True where the reference of a training run is the same in every epoch, and somebody wants it kept.
bool keeps_reference(const TrainConfig& config, const loss::Objective& objective) {
  return config.train.reference_cache && objective.needs_reference && trains_adapter(config.train) &&
         freezes_vision(config.train);
}

/// True where a row may come a second time: in another epoch or another scoring of held-out rows.
bool comes_again(const TrainConfig& config) {
  const bool scored_again = config.train.eval_every > 0 && !config.data.eval_pairs.empty();
  return config.train.steps || config.train.epochs > 1 || scored_again;
}

/// Bytes of rows in the memory of a training run.
int64_t reference_bytes(const TrainConfig& config, const loss::Objective& objective) {
  return keeps_reference(config, objective) && comes_again(config) ? (config.data.cache_memory_mb << 20) / 8 : 0;
}

/// Null where neither memory nor a folder is there.
std::unique_ptr<data::ReferenceCache> open(int64_t bytes, const TrainConfig& config, policy::Policy& policy) {
  if (bytes == 0 && !config.data.cache) return nullptr;
  auto cache = std::make_unique<data::ReferenceCache>(bytes);
  if (config.data.cache) cache->open_folder(*config.data.cache, data::reference_key(policy));
  return cache;
}

}  // namespace

std::unique_ptr<data::ReferenceCache> open_references(const TrainConfig& config, policy::Policy& policy,
                                                      const loss::Objective& objective) {
  if (!keeps_reference(config, objective)) return nullptr;
  return open(reference_bytes(config, objective), config, policy);
}

std::unique_ptr<data::ReferenceCache> open_scored_references(const TrainConfig& config, policy::Policy& policy,
                                                             const loss::Objective& objective) {
  if (!config.train.reference_cache || !objective.needs_reference) return nullptr;
  return open(0, config, policy);
}

int64_t visual_cache_bytes(const TrainConfig& config, const loss::Objective& objective) {
  return (config.data.cache_memory_mb << 20) - reference_bytes(config, objective);
}

}  // namespace rrpo::train
