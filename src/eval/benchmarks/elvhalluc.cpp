// ELV-Halluc: is a caption of a long video right? Captions come in threes: a true one, one with something from elsewhere in
// the video, one with something that is not in it. The names of its columns are those that its eval.py reads; question and
// video are told by what they hold.
#include <array>
#include <filesystem>
#include <set>

#include "entries.h"
#include "multiple_choice.h"
#include "published.h"
#include "rrpo/rows/group.h"

namespace rrpo::eval {
namespace {

using rows::Question;

constexpr const char* kTitle = "ELV-Halluc";
constexpr const char* kPrefix = "Is the following caption totally correct?";
constexpr size_t kOfGroup = 3;
constexpr int64_t kPublished = 4800;
constexpr std::array<const char*, 3> kTypes = {"ground_truth", "in_video", "out_video"};

std::string column_names(const Json& row) {
  std::string out;
  for (const auto& [name, value] : row.items()) out += (out.empty() ? "" : ", ") + name;
  return out;
}

/// The one text of a row that `fits`.
std::string text_that(const Record& record, const std::string& what, bool (*fits)(const std::string&)) {
  std::set<std::string> found;
  for (const auto& [name, value] : record.json.items()) {
    if (value.is_string() && name != "model_response" && fits(value.get<std::string>()))
      found.insert(value.get<std::string>());
  }
  if (found.size() != 1)
    record.row().fail("has no column, or several, with " + what + "; its columns: " + column_names(record.json));
  return *found.begin();
}

std::string question_text(const Record& record) {
  return text_that(record, "a text that begins '" + std::string(kPrefix) + "'",
                   [](const std::string& text) { return stripped(text).starts_with(kPrefix); });
}

std::string video_name(const Record& record) {
  static const std::set<std::string> endings = {".mp4", ".mkv", ".webm", ".avi", ".mov"};
  return text_that(record, "the name of a video", [](const std::string& text) {
    return text.find('\n') == std::string::npos && endings.contains(std::filesystem::path(text).extension().string());
  });
}

/// As its format_answer: `yes` anywhere in it, else `no`.
std::string word_of(const Record& record) {
  const std::string answer = lower_case(record.row().text("ref_answer"));
  if (answer.find("yes") != std::string::npos) return "yes";
  if (answer.find("no") == std::string::npos) record.row().fail("'ref_answer' is neither yes nor no");
  return "no";
}

std::string role_of(const Record& record, std::set<std::string>& met) {
  const std::string type = record.row().text("caption_type");
  const auto is_it = [&](const char* known) { return type == known; };
  if (std::none_of(kTypes.begin(), kTypes.end(), is_it)) record.row().fail("'caption_type' is " + type);
  if (!met.insert(type).second) record.row().fail("is a second " + type + " of its three: the rows must be as published");
  return type;
}

/// The part of a path that names the file, wherever its publisher had it.
std::vector<std::string> places_of(const std::string& video) {
  const std::filesystem::path path(video);
  std::vector<std::string> places = {"videos/" + path.filename().string()};
  if (path.is_relative()) places.push_back(video);
  return places;
}

/// `first` is the row of the group that its script takes aspect and number of parts from.
Question question_of(const Record& record, const Record& first, std::set<std::string>& met, Release& release,
                     Released& out) {
  Question question;
  const std::string group = "elvhalluc/" + std::to_string(first.index / static_cast<int64_t>(kOfGroup));
  rows::Item& item = question.item;
  item.role = role_of(record, met);
  item.group = group;
  item.rule = "pairs";
  question.id = group + "/" + item.role;
  question.question = question_text(record);
  question.format = "yesno";
  item.keys = {word_of(record)};
  item.text = question.answer = record.row().text("ref_answer");
  item.benchmark = "elvhalluc";
  item.task = "captions";
  item.axes = {{"aspect", first.row().text("aspect")}};
  if (first.row().has("part_nums")) item.axes["part_nums"] = first.text("part_nums");
  item.source = {{"file", record.file}, {"index", record.index}};
  question.media.video = release.media(places_of(video_name(record)));
  if ((item.keys.front() == "yes") != (item.role == rows::kTruth)) ++out.odd["answer_unlike_its_type"];
  return question;
}

Released read(Release& release) {
  const std::vector<std::string> places = {"data/ELV_Halluc.jsonl", "ELV_Halluc.jsonl"};
  refuse_other_release(release, kTitle, places);
  const std::vector<Json> list = release.need_rows(places);
  const std::string file = release.find(places).value();
  if (list.empty()) bad_release_row(file, 0, "is not there: the file is empty");
  if (list.size() % kOfGroup != 0)
    bad_release_row(file, static_cast<int64_t>(list.size()) - 1, "ends a group of three captions too early");
  Released out;
  std::set<std::string> met;
  for (size_t i = 0; i < list.size(); ++i) {
    const size_t first = i - i % kOfGroup;
    if (i == first) met.clear();
    const auto record = [&](size_t at) { return Record{list[at], "elvhalluc", "captions", file, static_cast<int64_t>(at)}; };
    out.questions.push_back(question_of(record(i), record(first), met, release, out));
  }
  if (static_cast<int64_t>(list.size()) != kPublished)
    out.notes.push_back(std::to_string(list.size()) + " questions: its README says 4,800, 24 of each of 200 videos");
  return out;
}

Asking ask(std::string_view profile, const Question& question) {
  if (profile == "lmms") refuse_lmms(kTitle);
  refuse_authors_models(profile, kTitle);
  return {"", question.question, ""};
}

}  // namespace

Benchmark benchmark_elvhalluc() {
  Benchmark benchmark;
  benchmark.name = "elvhalluc";
  benchmark.title = kTitle;
  benchmark.size =
      "4,800 yes/no questions, 24 of a video; 3,200 pairs of a true caption and a false one"
      "; how large the download is we do not know";
  benchmark.source =
      "github hlsv02/ELV-Halluc: data/ELV_Halluc.jsonl; it says nothing of the videos: those that the file names";
  benchmark.licence = "none stated";
  benchmark.layout = {"data/ELV_Halluc.jsonl", "videos/"};
  benchmark.scorers = {"official"};
  benchmark.overall = Overall::pairs;
  benchmark.weighting = "every pair of a true and a false caption alike: yes to the one, no to the other";
  benchmark.published = {{"LLaVA-Video-7B", "-", 3.6}, {"InternVL3-8B", "-", 16.3}, {"Qwen2.5-VL-7B", "-", 18.1}};
  benchmark.published_in = "Avg Acc in the README of hlsv02/ELV-Halluc be7ff84";
  benchmark.read = read;
  benchmark.ask = ask;
  return benchmark;
}

}  // namespace rrpo::eval
