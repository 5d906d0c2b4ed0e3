// The rows of the table of judges, one file each.
#pragma once

#include "rrpo/gen/judge.h"

namespace rrpo::gen {

Judge judge_rules_row();
Judge judge_llm_row();

}  // namespace rrpo::gen
