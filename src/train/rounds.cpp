#include "rounds.h"

#include <numeric>

namespace rrpo::train {

model::Peers peers_of(const world::World& world) {
  return {world.rank(), world.size(),
          [&world](const at::Tensor& whole, const at::Tensor& part) { return world.begin_gather(whole, part); }};
}

std::vector<int64_t> layer_order(int64_t layers, int64_t rounds, const RoundKind& kind) {
  std::vector<int64_t> forward(static_cast<size_t>(layers));
  std::iota(forward.begin(), forward.end(), int64_t{0});
  std::vector<int64_t> order;
  for (int64_t round = 0; round < rounds; ++round) {
    order.insert(order.end(), forward.begin(), forward.end());
    if (kind.reference) order.insert(order.end(), forward.begin(), forward.end());
    for (int64_t control = 0; control < kind.controls; ++control) order.insert(order.end(), forward.begin(), forward.end());
    if (kind.backward) order.insert(order.end(), forward.rbegin(), forward.rend());
  }
  return order;
}

Json with_layers(policy::Policy& policy, const std::vector<int64_t>& order, const std::function<Json()>& work) {
  model::Shards* shards = model::shards_of(policy.lvlm);
  if (shards == nullptr) return work();
  shards->begin(order);
  Json result;
  try {
    result = work();
  } catch (...) {
    shards->finish();
    throw;
  }
  shards->finish();
  return result;
}

Json with_all_layers(policy::Policy& policy, const std::function<Json()>& work) { return with_forwards(policy, 1, work); }

Json with_forwards(policy::Policy& policy, int64_t passes, const std::function<Json()>& work) {
  const model::Shards* shards = model::shards_of(policy.lvlm);
  return with_layers(policy, layer_order(shards == nullptr ? 0 : shards->layers(), passes, {}), work);
}

Json in_rounds(const Scorer& scorer, int64_t rounds, RoundKind kind, const std::function<Json()>& work) {
  const model::Shards* shards = model::shards_of(scorer.policy.lvlm);
  if (shards == nullptr) return work();
  kind.reference = scorer.objective.needs_reference && model::has_adapter(scorer.policy.lvlm);
  return with_layers(scorer.policy, layer_order(shards->layers(), rounds, kind), work);
}

}  // namespace rrpo::train
