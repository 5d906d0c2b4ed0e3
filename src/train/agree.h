// What the ranks of a run tell each other between two pieces of work.
#pragma once

#include <functional>
#include <vector>

#include "rrpo/util/json_file.h"
#include "rrpo/world/world.h"

namespace rrpo::train {

/// Calls `work`, which talks to no other rank, and lets all of them know how it went. Returns what it gave on each, in the
/// order of the ranks. Where it failed on one, that rank throws what it threw, and the others an Error of the same kind that
/// names the rank. Where it was stopped on one, all throw Stopped and have its signal. So all of them end, with one exit
/// code, and none waits for a rank that will not come.
std::vector<Json> agree(const world::World& world, const std::function<Json()>& work);

/// The same for work of rank 0 alone; returns what it gave.
Json from_first(const world::World& world, const std::function<Json()>& work);

}  // namespace rrpo::train
