// The entries of the table of scorers, one file each.
#pragma once

#include "rrpo/rows/scorer.h"

namespace rrpo::rows {

Scorer scorer_ours();
Scorer scorer_strict();
Scorer scorer_official();
Scorer scorer_rrpo();
Scorer scorer_rrpo_longvu();
Scorer scorer_lmms();
Scorer scorer_vlmeval();

}  // namespace rrpo::rows
