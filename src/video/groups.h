// Frames by the groups of pictures that hold them: nothing else is decoded.
#pragma once

#include <optional>

#include "packets.h"
#include "plan.h"

namespace rrpo::video {

/// The chosen frames, limits.threads groups decoded at a time. None where the packets do not tell all frames apart, or where
/// something else comes out than they promise, damage included: then only decoding everything tells what the file holds.
/// Throws what `plan` refuses, Error(environment), Stopped.
std::optional<Frames> read_groups(Packets& packets, const Plan& plan, const ReadLimits& limits);

}  // namespace rrpo::video
