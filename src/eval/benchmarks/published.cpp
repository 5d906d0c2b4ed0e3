#include "published.h"

#include <algorithm>
#include <utility>

#include "rrpo/util/error.h"

namespace rrpo::eval {

PublishedRow::PublishedRow(const Json& row, std::string_view file, int64_t index) : row_(row), file_(file), index_(index) {
  if (!row.is_object()) fail("is no JSON object");
}

std::string PublishedRow::text_or_empty(const std::string& key) const {
  if (!has(key)) return "";
  if (!row_.at(key).is_string()) fail("'" + key + "' is no text");
  return row_.at(key).get<std::string>();
}

std::string PublishedRow::text(const std::string& key) const {
  std::string text = text_or_empty(key);
  if (text.empty()) fail("has no text '" + key + "'");
  return text;
}

const Json& PublishedRow::object(const std::string& key) const {
  if (!has(key) || !row_.at(key).is_object()) fail("has no object '" + key + "'");
  return row_.at(key);
}

const Json& PublishedRow::list(const std::string& key) const {
  if (!has(key) || !row_.at(key).is_array()) fail("has no list '" + key + "'");
  return row_.at(key);
}

std::string lower_case(std::string_view ascii) {
  std::string out(ascii);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

void refuse_parquet(const Release& release, const std::vector<std::string>& places) {
  if (const auto place = release.find(places)) {
    throw Error(Fault::input, "data", (release.root() / *place).string() + ": is parquet, which is not read here",
                "make JSON lines of it: python3 scripts/parquet_to_jsonl.py FILE");
  }
}

void refuse_lmms(std::string_view title) {
  throw Error(Fault::usage, "config", "eval.profile: lmms-eval has no task " + std::string(title), "use rrpo-llava");
}

void refuse_authors_models(std::string_view profile, std::string_view title) {
  if (profile != "rrpo-videochat2" && profile != "rrpo-longvu") return;
  throw Error(Fault::usage, "config", "eval.profile: no script for " + std::string(profile) + " asks " + std::string(title),
              "use rrpo-llava: the benchmark's own prompt");
}

std::vector<Published> paper_column(const std::array<double, 10>& values) {
  static const std::array<std::pair<const char*, const char*>, 10> models = {{{"VideoChat2-7B", "16"},
                                                                              {"VideoChat2-7B + DPO", "16"},
                                                                              {"VideoChat2-7B + RRPO", "16"},
                                                                              {"LLaVA-Video-7B", "64"},
                                                                              {"LLaVA-Video-7B + DPO", "64"},
                                                                              {"LLaVA-Video-7B + RRPO (16f)", "64"},
                                                                              {"LLaVA-Video-7B + RRPO (32f)", "64"},
                                                                              {"LongVU-7B", "1 fps"},
                                                                              {"LongVU-7B + DPO", "1 fps"},
                                                                              {"LongVU-7B + RRPO", "1 fps"}}};
  std::vector<Published> rows;
  for (size_t i = 0; i < models.size(); ++i) rows.push_back({models[i].first, models[i].second, values[i]});
  return rows;
}

Asking ask_videochat2(VideoChat2 task, const std::string& question) {
  std::string system =
      "Carefully watch the video and pay attention to the cause and sequence of events, the detail and movement of objects, "
      "and the action and pose of persons. Based on your observations, ";
  if (task == VideoChat2::given_question) system += "answer the given question.\n";
  if (task == VideoChat2::question) system += "answer the question.\n";
  if (task != VideoChat2::option) return {system, system + question, ""};
  system += "select the best option that accurately addresses the question.\n";
  return {system, system + question + "\nOnly give the best option.", "Best option:("};
}

}  // namespace rrpo::eval
