// The entries of the table of scorers, one file each.
#pragma once

#include "rrpo/rows/scorer.h"

namespace rrpo::rows {

Scorer scorer_ours();

}  // namespace rrpo::rows
