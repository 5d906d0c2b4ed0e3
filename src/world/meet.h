// How the ranks find each other: a store of small values that rank 0 or the launcher serves.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <string>

#include "rrpo/world/world.h"

namespace rrpo::world {

/// What a rank has once all have met.
struct Meeting {
  c10::intrusive_ptr<c10d::Store> store;  ///< for setting up groups
  c10::intrusive_ptr<c10d::Store> signs;  ///< a connection of its own, for Watch
  std::string host;                       ///< this machine's address, as rank 0 sees it
};

/// Waits until all ranks are there. Throws Error(environment, "ranks") after `place.patience_s` seconds, naming one that is
/// missing; Stopped when a stop signal comes first.
Meeting meet(const Place& place);

}  // namespace rrpo::world
