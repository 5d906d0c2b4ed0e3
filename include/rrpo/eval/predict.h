// `rrpo-eval`, first half: every question answered once.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "rrpo/eval/config.h"
#include "rrpo/eval/questions.h"
#include "rrpo/rows/prediction.h"
#include "rrpo/video/perturbation.h"

namespace rrpo::eval {

/// How far predicting came.
struct Predictions {
  std::vector<rows::Prediction> rows;  ///< all that there are
  int64_t already = 0;                 ///< of them, from an earlier run
  bool stopped = false;                ///< a signal came: some questions have no row yet
};

/// A model that is opened when the first question needs it, on each device that works, once for all the passes of a run.
class ModelOnDemand {
 public:
  ModelOnDemand(policy::ModelConfig model, std::string device, std::string devices)
      : model_(std::move(model)), device_(std::move(device)), devices_(std::move(devices)) {}
  std::vector<policy::Policy>& get();

 private:
  policy::ModelConfig model_;
  std::string device_, devices_;
  std::vector<policy::Policy> policies_;
};

/// Answers the questions that `file` (predictions.jsonl) does not answer yet and appends to it, video by video; the model
/// sees each clip after `steps`. Questions of a video that cannot be read get a row with `error`; a later call asks them
/// again. Throws Error(input) when `file` holds a row of another question file, Error(usage) when a video that is asked
/// again has other frames than its rows tell of.
Predictions predict(const EvalConfig& config, const QuestionSet& set, const std::vector<video::PerturbStep>& steps,
                    ModelOnDemand& model, const std::filesystem::path& file);

/// Throws Error(usage) where the profile asks in a way that this program's prompt forms have no place for.
void check_profile(const EvalConfig& config, const QuestionSet& set);

}  // namespace rrpo::eval
