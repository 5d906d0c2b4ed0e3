// What a model said to one question and what the judge made of it: one row of predictions.jsonl.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/answer.h"

namespace rrpo::rows {

struct Prediction {
  std::string id;
  std::string response;  ///< the text as the model gave it
  std::string error;     ///< why there is no response; empty when there is one
  Judged judged;         ///< of the response; unparsed when there is none
  std::string format;    ///< of the question
  std::string video;     ///< `Media::key()`: questions of one video are not independent
  Json tags = Json::object();
  Json extra = Json::object();  ///< unknown keys, carried through

  bool failed() const { return !error.empty(); }
};

/// The judged response to a question.
Prediction predicted(const Question& question, std::string response);
/// A question that got no response, and why.
Prediction failed(const Question& question, std::string error);

Prediction parse_prediction(const Json& row, std::string_view place);
Json prediction_json(const Prediction& prediction);

/// All predictions of a file; ids are unique. With `complete_bytes` a last line without its newline, which an interrupted
/// writer leaves, is not read, and the size of the file before it is stored there: what a writer that goes on truncates to.
std::vector<Prediction> read_predictions(const std::filesystem::path& file, int64_t* complete_bytes = nullptr);

}  // namespace rrpo::rows
