// Letters, yes and no, slots, equal words.
#include "rows.h"

namespace rrpo::gen {
namespace {

rows::Judged judge_by_rules(const rows::Question& question, std::string_view response, judge::Dialogue&) {
  return rows::judge(question, response);
}

}  // namespace

Judge judge_rules_row() {
  return {"rules", "option, yes or no, slots or equal words, by the format", false, judge_by_rules};
}

}  // namespace rrpo::gen
