// The second clip of a pair (gen.other), and the right answer there.
#pragma once

#include "rrpo/gen/config.h"
#include "rrpo/rows/pair.h"
#include "rrpo/rows/question.h"

namespace rrpo::gen {

/// What gen.other adds to a pair of `question`; nothing for none, and for twin where the question names no clip. A perturbed
/// view shows the frames on which the model erred, bit for bit: their random choices come from the seed and the media alone.
void add_other(const GenConfig& config, const rows::Question& question, rows::Pair& pair);

}  // namespace rrpo::gen
