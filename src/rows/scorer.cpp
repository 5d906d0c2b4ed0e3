#include "rrpo/rows/scorer.h"

#include "scorers/entries.h"

namespace rrpo::rows {

const std::vector<Scorer>& scorers() {
  static const std::vector<Scorer> entries = {scorer_ours(),        scorer_strict(), scorer_official(), scorer_rrpo(),
                                              scorer_rrpo_longvu(), scorer_lmms(),   scorer_vlmeval()};
  return entries;
}

Judged judge(const Question& question, std::string_view response) { return scorers().front().apply(question, response); }

}  // namespace rrpo::rows
