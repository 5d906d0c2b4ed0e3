#include "rrpo/rows/prediction.h"

#include <utility>

#include "rrpo/rows/row_reader.h"

namespace rrpo::rows {
namespace {

Prediction blank(const Question& question) {
  Prediction out;
  out.id = question.id;
  out.format = question.format;
  out.video = question.media.key();
  out.tags = question.tags;
  return out;
}

Verdict verdict_from(RowReader& row) {
  const std::string name = row.text("verdict");
  const auto verdict = verdict_of(name);
  if (!verdict) row.fail("verdict", "is '" + name + "'", "use right, wrong or unparsed");
  return *verdict;
}

}  // namespace

Prediction predicted(const Question& question, std::string response) {
  Prediction out = blank(question);
  out.judged = judge(question, response);
  out.response = std::move(response);
  return out;
}

Prediction failed(const Question& question, std::string error) {
  Prediction out = blank(question);
  out.error = std::move(error);
  return out;
}

Prediction parse_prediction(const Json& json, std::string_view place) {
  RowReader row(json, place);
  Prediction out;
  out.id = row.id("id");
  out.error = row.text_or("error", "");
  out.response = row.text_or("response", "");
  if (!out.failed()) {
    out.judged = {verdict_from(row), row.texts("expected"), row.texts("found"), row.text_or("reason", "")};
    if (!row.has("response")) row.fail("response", "is missing", "add it, or error");
  }
  out.format = row.text_or("format", "");
  out.video = row.text_or("video", "");
  if (const Json* tags = row.find("tags")) out.tags = *tags;
  out.extra = row.rest();
  return out;
}

Json prediction_json(const Prediction& prediction) {
  Json out = {{"id", prediction.id}};
  if (prediction.failed()) {
    out["error"] = prediction.error;
  } else {
    out["response"] = prediction.response;
    out["verdict"] = verdict_name(prediction.judged.verdict);
    out["expected"] = prediction.judged.expected;
    out["found"] = prediction.judged.found;
    if (!prediction.judged.reason.empty()) out["reason"] = prediction.judged.reason;
  }
  out["format"] = prediction.format;
  out["video"] = prediction.video;
  if (!prediction.tags.empty()) out["tags"] = prediction.tags;
  for (const auto& [key, value] : prediction.extra.items()) {
    if (!out.contains(key)) out[key] = value;
  }
  return out;
}

std::vector<Prediction> read_predictions(const std::filesystem::path& file, int64_t* complete_bytes) {
  if (complete_bytes == nullptr) return read_rows(file, nullptr, parse_prediction);
  const std::string text = read_file(file, "data");
  const size_t last = text.find_last_of('\n');
  *complete_bytes = last == std::string::npos ? 0 : static_cast<int64_t>(last) + 1;
  return read_rows_of(std::string_view(text).substr(0, static_cast<size_t>(*complete_bytes)), file.string(), nullptr,
                      parse_prediction);
}

}  // namespace rrpo::rows
