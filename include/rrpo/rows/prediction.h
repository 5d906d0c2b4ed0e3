// What a model said to one question: one row of predictions.jsonl. What it is worth is up to the scorers (scored.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/answer.h"

namespace rrpo::rows {

struct Prediction {
  std::string id;
  std::optional<std::string> raw;  ///< the text as the model gave it; nothing: failed
  std::string error;               ///< why there is none
  std::string finish;              ///< `stop`, `length` (cut), or what another program wrote; empty: not known
  Json frames = Json::object();    ///< `index` of the frames that were seen, `pixels`: hash of their bytes
  std::string question, answer;    ///< texts as they were asked; empty: not known
  std::string format;              ///< of the question
  std::string video;               ///< `Media::key()`: questions of one video are not independent
  Json tags = Json::object();
  std::optional<Judged> earlier{};  ///< the verdict inside the rows of earlier versions
  Json extra = Json::object();      ///< unknown keys, carried through

  bool failed() const { return !raw.has_value(); }
};

/// The response to a question.
Prediction predicted(const Question& question, std::string response);
/// A question that got no response, and why.
Prediction failed(const Question& question, std::string error);

/// A row needs `id` and `raw` only; `raw: null` has failed. Rows of earlier versions have `response` instead, and a verdict.
Prediction parse_prediction(const Json& row, std::string_view place);
Json prediction_json(const Prediction& prediction);

/// All predictions of a file; ids are unique. With `complete_bytes` a last line without its newline, which an interrupted
/// writer leaves, is not read, and the size of the file before it is stored there: what a writer that goes on truncates to.
std::vector<Prediction> read_predictions(const std::filesystem::path& file, int64_t* complete_bytes = nullptr);

}  // namespace rrpo::rows
