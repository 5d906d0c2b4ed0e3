// Is a response right or wrong, and who says so? Pure: what a language model says comes from a dialogue.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rrpo/gen/dialogue.h"
#include "rrpo/rows/answer.h"

namespace rrpo::gen {

/// A row of the table of judges. Where the dialogue is silent afterwards the verdict means nothing.
struct Judge {
  std::string name;
  std::string help;
  rows::Judged (*apply)(const rows::Question& question, std::string_view response, Dialogue& dialogue);
};

/// rules: rows::judge.
/// llm: what the rules find right is right; of any other response a language model is asked for the key differences from the
/// true answer (the paper's first turn). `None` is right, differences are wrong, `None` and more is unparsable. What was
/// expected and found is what the rules read, empty where they cannot.
/// Row llm serves the formats of gen.llm.formats; the others have the rules.
const std::vector<Judge>& judges();

}  // namespace rrpo::gen
