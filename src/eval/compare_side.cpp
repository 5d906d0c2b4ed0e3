// Where the verdicts of one side of a comparison come from.
#include "rrpo/eval/compare.h"
#include "rrpo/rows/row_reader.h"
#include "rrpo/util/error.h"

namespace rrpo::eval {

namespace fs = std::filesystem;

namespace {

/// The verdicts of the first scorer that a file names.
std::vector<rows::Scored> read_verdicts(const fs::path& file) {
  std::vector<rows::Scored> rows;
  each_json_line(file, "data", [&](const Json& json, int64_t line) {
    rows::Scored row = rows::parse_scored(json, file.string() + ":" + std::to_string(line));
    if (rows.empty() || rows.front().scorer == row.scorer) rows.push_back(std::move(row));
  });
  return rows;
}

bool holds_verdicts(const fs::path& file) {
  bool verdicts = false, first = true;
  each_json_line(file, "data", [&](const Json& json, int64_t) {
    if (first) verdicts = json.is_object() && json.contains("scorer");
    first = false;
  });
  return verdicts;
}

/// The question file that a run names, where it is still there; of a relative path, from the current folder or from
/// `folder`.
fs::path questions_of(const Json& config, const fs::path& folder) {
  const Json::json_pointer at("/eval/questions");
  if (!config.is_object() || !config.contains(at) || !config.at(at).is_string()) return {};
  const fs::path named = config.at(at).get<std::string>();
  std::error_code unused;
  for (const fs::path& file : {named, folder / named}) {
    if (fs::is_regular_file(file, unused)) return file;
  }
  return {};
}

std::vector<rows::Scored> score_anew(const fs::path& file, const Json& config) {
  const std::vector<rows::Prediction> predictions = rows::read_predictions(file);
  const fs::path questions = questions_of(config, file.parent_path());
  if (!questions.empty()) {
    std::vector<rows::Question> asked = rows::read_questions(questions);
    return rows::score_predictions(rows::scorers().front(), asked, predictions);
  }
  std::vector<rows::Scored> rows;
  for (const rows::Prediction& prediction : predictions) {
    if (!prediction.failed() && !prediction.earlier)
      throw Error(Fault::input, "data", file.string() + ": holds replies without verdicts, and the questions are not there",
                  "rrpo-eval score --questions FILE --predictions " + file.string() + " --out DIR, then compare DIR");
    rows.push_back(rows::earlier_score(prediction));
  }
  return rows;
}

}  // namespace

Side open_side(const fs::path& folder_or_file) {
  Side side;
  std::error_code unused;
  const bool folder = fs::is_directory(folder_or_file, unused);
  const fs::path place = folder ? folder_or_file : folder_or_file.parent_path();
  if (fs::is_regular_file(place / "run.json", unused)) {
    const Json record = read_json(place / "run.json", "run");
    if (record.is_object() && record.contains("config")) side.config = record.at("config");
  }
  const fs::path verdicts = folder ? folder_or_file / "verdicts.jsonl" : folder_or_file;
  if (fs::is_regular_file(verdicts, unused) && holds_verdicts(verdicts)) {
    side.rows = read_verdicts(verdicts);
  } else {
    side.rows = score_anew(folder ? folder_or_file / "predictions.jsonl" : folder_or_file, side.config);
  }
  if (side.rows.empty())
    throw Error(Fault::input, "data", folder_or_file.string() + ": holds no prediction", "finish that evaluation first");
  return side;
}

}  // namespace rrpo::eval
