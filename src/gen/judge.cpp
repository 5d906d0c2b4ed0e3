#include "rrpo/gen/judge.h"

#include "judges/rows.h"

namespace rrpo::gen {

const std::vector<Judge>& judges() {
  static const std::vector<Judge> rows = {judge_rules_row(), judge_llm_row()};
  return rows;
}

}  // namespace rrpo::gen
