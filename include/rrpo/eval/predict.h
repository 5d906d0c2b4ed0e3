// `rrpo-eval`, first half: every question answered once.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "rrpo/eval/config.h"
#include "rrpo/rows/prediction.h"
#include "rrpo/rows/question.h"

namespace rrpo::eval {

/// How far predicting came.
struct Predictions {
  std::vector<rows::Prediction> rows;  ///< all that there are
  int64_t already = 0;                 ///< of them, from an earlier run
  bool stopped = false;                ///< a signal came: some questions have no row yet
};

/// Answers the questions that `file` (predictions.jsonl) does not answer yet and appends to it, video by video. Questions of
/// a video that cannot be read get a row with `error`; a later call asks them again.
/// Throws Error(input) when `file` holds a row of another question file, Error(usage) when a video that is asked again has
/// other frames than its rows tell of.
Predictions predict(const EvalConfig& config, const std::vector<rows::Question>& questions,
                    const std::filesystem::path& file);

/// The folder that media paths are relative to.
std::filesystem::path media_root(const EvalFields& config);

}  // namespace rrpo::eval
