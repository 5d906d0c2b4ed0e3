#include "item.h"

#include <algorithm>

#include "rrpo/rows/group.h"

namespace rrpo::rows {
namespace {

constexpr const char* kSchema = "rrpo-eval/sample@1";

Json object_or_empty(RowReader& row, const std::string& key) {
  const Json* value = row.find(key);
  if (value == nullptr) return Json::object();
  if (!value->is_object()) row.fail(key, "is no JSON object", "write {\"name\": \"value\"}");
  return *value;
}

std::string joined(const std::vector<std::string>& keys) {
  std::string out;
  for (const std::string& key : keys) out += (out.empty() ? "" : ", ") + key;
  return out;
}

/// `{"keys": ["A"], "text": "…", "aux": {…}}`.
void read_answer(RowReader& row, Question& question) {
  RowReader answer(row.need("answer"), row.place(), "answer");
  Item& item = question.item;
  item.keys = answer.texts("keys");
  item.text = answer.text_or("text", "");
  item.aux = object_or_empty(answer, "aux");
  question.answer = item.text.empty() ? joined(item.keys) : item.text;
  if (question.answer.empty()) row.fail("answer", "has neither keys nor text", "give one of them");
  if (!answer.rest().empty()) answer.fail(answer.rest().begin().key(), "is not known", "answer has keys, text and aux");
}

std::optional<Subtitles> read_subtitles(RowReader& row) {
  const Json* json = row.peek("subtitles");
  if (json == nullptr) row.find("subtitles");  // null says that there are none
  if (json == nullptr || !json->is_object()) return std::nullopt;
  RowReader reader(*row.find("subtitles"), row.place(), "subtitles");
  Subtitles out{reader.text("kind"), reader.text("path"), reader.number("offset_s").value_or(0)};
  if (out.kind != "srt" && out.kind != "lvb_json") reader.fail("kind", "is '" + out.kind + "'", "use srt or lvb_json");
  return out;
}

/// Four questions under relevance and logic are told apart by their roles, and a chain has one of three structures.
void check_group(const Item& item, const RowReader& row) {
  if (item.rule != "relevance" && item.rule != "logic") return;
  if (item.group.empty()) row.fail("pair_id", "is missing", "name the group of the question");
  if (item.role.size() != 1 || item.role[0] < '1' || item.role[0] > '4')
    row.fail("pair_role", "is '" + item.role + "'", "use 1, 2, 3 or 4");
  if (item.rule == "logic" && chain_of(item).empty())
    row.fail("answer.aux.group_structure", "is none of a chain", "use [1, 2, 3, 4], [1, [2, 3], 4] or [[1, 2], 3, 4]");
}

bool is_inline(RowReader& row) {
  const Json* value = row.find("options_inline");
  if (value == nullptr) return false;
  if (!value->is_boolean()) row.fail("options_inline", "is neither true nor false", "write true or false");
  return value->get<bool>();
}

}  // namespace

void read_item(RowReader& row, Question& question) {
  if (const Json* answer = row.peek("answer"); answer != nullptr && answer->is_object()) read_answer(row, question);
  Item& item = question.item;
  item.benchmark = row.text_or("benchmark", "");
  if (item.benchmark.empty() && question.answer.empty()) return;
  if (row.has("schema") && row.text("schema") != kSchema)
    row.fail("schema", "is not " + std::string(kSchema), "convert the benchmark with this version");
  item.task = row.text_or("task", "");
  item.subset = row.text_or("subset", "");
  item.options_inline = is_inline(row);
  item.group = row.text_or("pair_id", "");
  item.role = row.text_or("pair_role", "");
  item.rule = row.text_or("pair_rule", "");
  const std::vector<std::string>& rules = group_rules();
  if (!item.rule.empty() && std::find(rules.begin(), rules.end(), item.rule) == rules.end())
    row.fail("pair_rule", "is '" + item.rule + "'", "use all, pairs, relevance, logic, or null");
  item.axes = object_or_empty(row, "groups");
  for (const auto& [axis, value] : item.axes.items()) {
    if (!value.is_string()) row.fail("groups." + axis, "is no text", "write {\"name\": \"value\"}");
  }
  item.duration_s = row.number("duration_s");
  item.subtitles = read_subtitles(row);
  item.source = object_or_empty(row, "source");
  row.find("video_key");  // follows from the media
}

void check_item(const Question& question, const RowReader& row) {
  check_group(question.item, row);
  const std::string& format = question.format;
  if (question.options.empty() || format == "yesno" || format == "scene_change") return;
  for (const std::string& key : question.item.keys) {
    const auto same = [&](const Option& option) { return option.key == key; };
    if (std::none_of(question.options.begin(), question.options.end(), same))
      row.fail("answer.keys", "holds '" + key + "', which is no key of options", "use keys of options");
  }
}

void write_item(const Question& question, Json& row) {
  const Item& item = question.item;
  if (item.benchmark.empty()) return;
  const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  row["schema"] = kSchema;
  row["benchmark"] = item.benchmark;
  row["task"] = item.task;
  row["subset"] = or_null(item.subset);
  row["answer"] = {{"keys", item.keys}, {"text", or_null(item.text)}, {"aux", item.aux}};
  row["options_inline"] = item.options_inline;
  row["pair_id"] = or_null(item.group);
  row["pair_role"] = or_null(item.role);
  row["pair_rule"] = or_null(item.rule);
  row["groups"] = item.axes;
  row["video_key"] = question.media.folder ? question.media.folder->path : question.media.video;
  row["duration_s"] = item.duration_s ? Json(*item.duration_s) : Json();
  row["subtitles"] = Json();
  if (item.subtitles) {
    row["subtitles"] = {
        {"kind", item.subtitles->kind}, {"path", item.subtitles->path}, {"offset_s", item.subtitles->offset_s}};
  }
  if (!row.contains("media")) {
    const Media& media = question.media;
    row["media"] = {{"kind", "video"},
                    {"path", media.video},
                    {"start", media.start_s ? Json(*media.start_s) : Json()},
                    {"end", media.end_s ? Json(*media.end_s) : Json()}};
  }
  row["source"] = item.source;
}

}  // namespace rrpo::rows
