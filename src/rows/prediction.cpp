#include "rrpo/rows/prediction.h"

#include <utility>

#include "rrpo/rows/row_reader.h"
#include "rrpo/util/thinking.h"

namespace rrpo::rows {
namespace {

Prediction blank(const Question& question) {
  Prediction out;
  out.id = question.id;
  out.question = question.question;
  out.answer = question.answer;
  out.format = question.format;
  out.video = question.media.key();
  out.tags = question.tags;
  return out;
}

/// `raw`, or `response` of earlier versions; a row with neither, and without a reason, is no prediction.
void read_reply(RowReader& row, const Json& json, Prediction& out) {
  const char* key = json.contains("raw") ? "raw" : "response";
  out.error = row.text_or("error", "");
  if (row.has(key) && out.error.empty()) {
    out.raw = row.text(key, /*may_be_empty=*/true);
  } else if (out.error.empty() && !json.contains(key)) {
    row.fail("raw", "is missing", "add it; null for a question without a reply");
  } else if (out.error.empty()) {
    out.error = "no reply";
  }
  row.find("raw");
  row.find("response");
  row.find("text");
}

std::optional<Judged> earlier_verdict(RowReader& row) {
  if (!row.has("verdict")) return std::nullopt;
  const std::string name = row.text("verdict");
  const auto verdict = verdict_of(name);
  if (!verdict) row.fail("verdict", "is '" + name + "'", "use right, wrong or unparsed");
  return Judged{*verdict, row.texts("expected"), row.texts("found"), row.text_or("reason", "")};
}

}  // namespace

Prediction predicted(const Question& question, std::string response) {
  Prediction out = blank(question);
  out.raw = std::move(response);
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
  read_reply(row, json, out);
  out.earlier = earlier_verdict(row);
  out.finish = row.text_or("finish", row.has("cut") ? "length" : "");
  row.find("cut");
  if (const Json* frames = row.find("frames")) out.frames = *frames;
  out.question = row.text_or("question", "");
  out.answer = row.text_or("answer", "");
  out.format = row.text_or("format", "");
  out.video = row.text_or("video", "");
  if (const Json* tags = row.find("tags")) {
    if (!tags->is_object()) row.fail("tags", "is no JSON object", "write {\"name\": \"value\"}");
    out.tags = *tags;
  }
  out.extra = row.rest();
  return out;
}

Json prediction_json(const Prediction& prediction) {
  Json out = {{"id", prediction.id}};
  out["raw"] = prediction.raw ? Json(*prediction.raw) : Json();
  if (prediction.raw) out["text"] = without_thinking(*prediction.raw);
  if (prediction.failed()) out["error"] = prediction.error;
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) out[key] = value;
  };
  add("finish", prediction.finish);
  if (!prediction.frames.empty()) out["frames"] = prediction.frames;
  add("question", prediction.question);
  add("answer", prediction.answer);
  add("format", prediction.format);
  add("video", prediction.video);
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
