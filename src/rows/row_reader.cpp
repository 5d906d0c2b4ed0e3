#include "rrpo/rows/row_reader.h"

#include <algorithm>
#include <cmath>

#include "rrpo/text/markup.h"

namespace rrpo::rows {

void bad_row(std::string_view place, const std::string& problem, std::string_view fix) {
  throw Error(Fault::input, "data", std::string(place) + ": " + problem, fix);
}

RowReader::RowReader(const Json& object, std::string_view place, std::string at)
    : object_(object), place_(place), at_(std::move(at)) {
  if (!object_.is_object()) bad_row(place_, (at_.empty() ? "the row" : at_) + " is no JSON object", "write {…}");
}

void RowReader::fail(const std::string& key, const std::string& problem, std::string_view fix) const {
  bad_row(place_, path(key) + " " + problem, fix);
}

const Json* RowReader::find(const std::string& key) {
  read_.insert(key);
  return has(key) ? &object_.at(key) : nullptr;
}

const Json& RowReader::need(const std::string& key) {
  const Json* value = find(key);
  if (value == nullptr) fail(key, "is missing", "add it");
  return *value;
}

std::string RowReader::text(const std::string& key, bool may_be_empty) {
  const Json& value = need(key);
  if (!value.is_string()) fail(key, "is no text", "write it in quotes");
  auto out = value.get<std::string>();
  if (out.empty() && !may_be_empty) fail(key, "is empty", "write what it should say, or remove the row");
  return out;
}

std::string RowReader::id(const std::string& key, bool may_be_empty) {
  const Json& value = need(key);
  if (value.is_number_integer()) return value.dump();
  if (!value.is_string()) fail(key, "is no text and no whole number", "give every row its own id");
  return text(key, may_be_empty);
}

std::string RowReader::prose(const std::string& key) {
  std::string out = text(key);
  refuse_markup(key, out);
  return out;
}

void RowReader::refuse_markup(const std::string& key, std::string_view text) const {
  const std::string_view marker = text::markup_in(text);
  if (marker.empty()) return;
  fail(key, "holds " + std::string(marker) + ", which is no text but markup of a prompt",
       "remove it: the program writes the prompt itself");
}

std::string RowReader::text_or(const std::string& key, const std::string& otherwise) {
  return find(key) == nullptr ? otherwise : text(key, true);
}

std::optional<double> RowReader::number(const std::string& key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number() || !std::isfinite(value->get<double>())) fail(key, "is no finite number", "write a number");
  return value->get<double>();
}

std::vector<std::string> RowReader::texts(const std::string& key) {
  const Json* value = find(key);
  std::vector<std::string> out;
  if (value == nullptr) return out;
  if (!value->is_array()) fail(key, "is no list of texts", "write [\"…\"]");
  for (const Json& item : *value) {
    if (!item.is_string()) fail(key, "holds something that is no text", "write [\"…\"]");
    out.push_back(item.get<std::string>());
  }
  return out;
}

text::ByteRange range_from(const Json& json, std::string_view place, const std::string& path) {
  if (!json.is_array() || json.size() != 2 || !json[0].is_number_integer() || !json[1].is_number_integer()) {
    bad_row(place, path + " is no byte range", "write [begin, end]");
  }
  return {json[0].get<int64_t>(), json[1].get<int64_t>()};
}

Json range_json(const text::ByteRange& range) { return Json::array({range.begin, range.end}); }

std::vector<text::ByteRange> RowReader::ranges(const std::string& key) {
  const Json* value = find(key);
  std::vector<text::ByteRange> out;
  if (value == nullptr) return out;
  if (!value->is_array()) fail(key, "is no list of byte ranges", "write [[begin, end], …]");
  for (const Json& item : *value) out.push_back(range_from(item, place_, path(key)));
  return out;
}

Json RowReader::rest() const {
  Json out = Json::object();
  for (const auto& [key, value] : object_.items()) {
    if (!read_.contains(key)) out[key] = value;
  }
  return out;
}

}  // namespace rrpo::rows
