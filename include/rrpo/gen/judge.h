// Is a response right or wrong, and who says so? Pure: what a language model says comes from a dialogue.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rrpo/gen/config.h"
#include "rrpo/judge/dialogue.h"
#include "rrpo/rows/answer.h"

namespace rrpo::gen {

/// A row of the table of judges. Where the dialogue is silent afterwards the verdict means nothing.
struct Judge {
  std::string name;
  std::string help;
  bool asks;  ///< a language model, about the formats of gen.llm.formats
  rows::Judged (*apply)(const rows::Question& question, std::string_view response, judge::Dialogue& dialogue);
};

/// rules: rows::judge.
/// llm: what the rules find right is right, and a short answer with slots that they read is what they read; of any other
/// response a language model is asked for the key differences from the true answer (the paper's first turn). `None`, in
/// whatever words, is right, differences are wrong, all else is unparsed. What was expected and found is what the rules
/// read, empty where they cannot.
const std::vector<Judge>& judges();

/// The row for questions of a format: gen.judge, or the first one for a format that is not in gen.llm.formats.
const Judge& judge_of(const GenFields& gen, const std::string& format);

}  // namespace rrpo::gen
