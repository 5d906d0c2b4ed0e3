#include "rrpo/gen/judge.h"

#include "judges/rows.h"
#include "rrpo/util/table.h"

namespace rrpo::gen {

const std::vector<Judge>& judges() {
  static const std::vector<Judge> rows = {judge_rules_row(), judge_llm_row()};
  return rows;
}

const Judge& judge_of(const GenFields& gen, const std::string& format) {
  const Judge& named = *find_row(judges(), gen.judge);
  return named.asks && !llm_serves(gen, format) ? judges().front() : named;
}

}  // namespace rrpo::gen
