// Ways of reading replies. Each is a pure function; one set of replies can be scored by several.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/answer.h"

namespace rrpo::rows {

/// An entry of the table of scorers.
struct Scorer {
  std::string name;
  std::string help;
  std::string revision;  ///< another one where a verdict may be another
  Judged (*apply)(const Question& question, std::string_view reply);
  /// False for questions that it has no rule for: another benchmark's, or of no benchmark.
  bool (*serves)(const Question& question);
};

/// ours: as a careful person reads, and what is in doubt is unparsed. strict: the bare letter or word. official: the
/// benchmark's own script. rrpo: the authors' scripts. lmms: lmms-eval. vlmeval: VLMEvalKit, exact matching.
const std::vector<Scorer>& scorers();

}  // namespace rrpo::rows
