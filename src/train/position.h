// Where a run stands, as its checkpoints and its ranks tell each other.
#pragma once

#include <vector>

#include "rrpo/train/snapshot.h"
#include "rrpo/util/json_file.h"

namespace rrpo::train {

/// [{"id", "reason"}].
Json skipped_json(const std::vector<data::SkippedRow>& rows);
std::vector<data::SkippedRow> read_skipped(const Json& rows);

/// Everything of a position; throws Json::exception for what is none.
Json position_json(const Position& position);
Position read_position(const Json& json);

/// What a rank has read of its media: {key: {"frames", "files", "tokens"}}.
Json seen_json(const data::SeenMedia& seen);
/// Adds what another rank has read. Throws Error(usage, "data") for a media that is another one there.
void join_seen(data::SeenMedia& seen, const Json& other);

}  // namespace rrpo::train
