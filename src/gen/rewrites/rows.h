// The rows of the table of rewrites that have files of their own.
#pragma once

#include "rrpo/gen/rewrite.h"

namespace rrpo::gen {

Rewrite rewrite_llm_row();

}  // namespace rrpo::gen
