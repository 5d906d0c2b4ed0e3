// Passes over a model that the ranks hold in parts: all of them gather the same layers in the same order, whatever each of
// them computes.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "rrpo/model/shards.h"
#include "rrpo/train/pass.h"
#include "rrpo/util/json_file.h"
#include "rrpo/world/world.h"

namespace rrpo::train {

/// The ranks of a run as those who hold a model in parts. `world` must outlive what is opened with them.
model::Peers peers_of(const world::World& world);

/// What uses the layers in one pass, beside the policy's way forward.
struct RoundKind {
  bool reference = false;  ///< the model without its adapter goes forward too
  bool backward = false;
  int64_t controls = 0;  ///< so often the policy goes forward once more, about other pictures
};

/// The layers in the order in which `rounds` passes use them, each with all that a pass of its kind may need: forward,
/// forward of the reference, those about other pictures, backward. A pass that needs less, or never comes, leaves layers
/// out.
std::vector<int64_t> layer_order(int64_t layers, int64_t rounds, const RoundKind& kind);

/// Calls `work`, which asks no other rank for anything but the layers of `order`, and gathers what it has left of them, also
/// when it throws: no rank waits for one that skipped a row, found its reference in a cache, or failed. Where this process
/// has all of the model it calls `work` alone.
Json with_layers(policy::Policy& policy, const std::vector<int64_t>& order, const std::function<Json()>& work);

/// The same for work that looks at each layer once, in order.
Json with_all_layers(policy::Policy& policy, const std::function<Json()>& work);
/// The same for at most `passes` ways forward, which all ranks take alike.
Json with_forwards(policy::Policy& policy, int64_t passes, const std::function<Json()>& work);
/// The same for at most `rounds` passes of `scorer` on each rank, with a reference where the objective has one.
Json in_rounds(const Scorer& scorer, int64_t rounds, RoundKind kind, const std::function<Json()>& work);

}  // namespace rrpo::train
