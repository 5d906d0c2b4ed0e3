// Video-MME: one table, which the hub has as parquet, videos and subtitles by name.
#include "videomme.h"

#include <algorithm>
#include <array>
#include <set>

#include "entries.h"
#include "multiple_choice.h"
#include "published.h"
#include "rrpo/util/error.h"

namespace rrpo::eval {
namespace {

using rows::Question;

constexpr std::array<const char*, 4> kAxes = {"duration", "domain", "sub_category", "task_type"};
/// Video-MME-v2 has ids of the same form, eight options in one text and questions in groups of four.
bool is_v2(const Json& row) {
  if (!row.is_object()) return false;
  for (const char* column : {"group_type", "group_structure", "second_head", "third_head"}) {
    if (row.contains(column)) return true;
  }
  const Json options = row.value("options", Json()), id = row.value("question_id", Json());
  if (options.is_string() || (options.is_array() && options.size() > 4)) return true;
  return id.is_string() && id.get<std::string>().ends_with("-4");
}

void refuse_v2(const std::vector<Json>& list, const std::string& file) {
  if (std::none_of(list.begin(), list.end(), is_v2)) return;
  throw Error(Fault::input, "data", file + ": is Video-MME-v2 (eight options, questions in groups), not Video-MME",
              "give videomme/test-00000-of-00001 of Video-MME; v2 is scored in another way");
}

/// `A. Two.`: the letter goes by the place. Texts that do not begin with it are kept as published, beside, for the prompt.
void read_options(Question& question, const PublishedRow& row, Released& out) {
  const Json& published = row.list("options");
  bool plain = true;
  for (size_t i = 0; i < published.size(); ++i) {
    const std::string key(1, static_cast<char>('A' + i));
    if (!published[i].is_string()) row.fail("option " + key + " is no text");
    std::string text = published[i].get<std::string>();
    const bool has_letter = text.starts_with(key + ". ") && text.size() > 3;
    plain = plain && has_letter;
    if (has_letter) text = text.substr(3);
    if (text.empty()) row.fail("option " + key + " is empty");
    question.options.push_back({key, text});
  }
  if (question.options.empty()) row.fail("has no options");
  if (plain) return;
  ++out.odd["option_without_letter"];
  question.item.aux = {{"options", published}};
}

void read_answer(Question& question, const PublishedRow& row, Released& out) {
  question.item.text = question.answer = row.text("answer");
  const std::string letter = stripped(question.answer);
  const auto is_it = [&](const rows::Option& option) { return option.key == letter; };
  const auto right = std::find_if(question.options.begin(), question.options.end(), is_it);
  if (right == question.options.end()) {
    ++out.odd["answer_not_among_candidates"];
    return;
  }
  question.item.keys = {letter};
  Question by_text = question;
  by_text.item.text = right->text;
  count_oddities(by_text, out);
}

Question question_of(const PublishedRow& row, const std::string& file, int64_t index, Released& out) {
  Question question;
  const std::string id = row.text("question_id");
  question.id = "videomme/videomme/" + id;
  question.question = row.text("question");
  question.format = "mcq";
  question.item.benchmark = question.item.task = "videomme";
  read_options(question, row, out);
  read_answer(question, row, out);
  for (const char* axis : kAxes) question.item.axes[axis] = row.text(axis);
  question.item.source = {{"file", file},
                          {"index", index},
                          {"question_id", id},
                          {"video_id", row.text("video_id")},
                          {"videoID", row.text("videoID")}};
  return question;
}

std::string count(int64_t n, const std::string& what) { return std::to_string(n) + " " + what; }

std::vector<std::string> notes_of(const std::map<std::string, std::set<std::string>>& videos, int64_t questions) {
  int64_t all = 0;
  std::string by_duration;
  for (const auto& [duration, ids] : videos) {
    all += static_cast<int64_t>(ids.size());
    by_duration += (by_duration.empty() ? "" : ", ") + count(static_cast<int64_t>(ids.size()), duration);
  }
  std::vector<std::string> notes = {count(all, "videos: ") + by_duration};
  if (all != 900 || questions != 2700) notes.emplace_back("the whole benchmark has 2,700 questions about 900 videos");
  return notes;
}

struct Table {
  std::string file;
  std::vector<Json> rows;
};

Table table_of(Release& release) {
  const std::vector<std::string> places = {"videomme/test-00000-of-00001.jsonl", "videomme/test-00000-of-00001.json",
                                           "videomme.jsonl", "videomme.json", "test.jsonl"};
  const auto place = release.find(places);
  const std::vector<std::string> parquet = {"videomme/test-00000-of-00001.parquet", "test.parquet"};
  if (!place) refuse_other_release(release, "Video-MME", parquet);
  if (!place) refuse_parquet(release, parquet);
  Table table{place.value_or(""), release.need_rows(place ? std::vector<std::string>{*place} : places)};
  if (table.rows.empty()) bad_release_row(table.file, 0, "is not there: the file is empty");
  refuse_v2(table.rows, table.file);
  return table;
}

/// The video and its subtitles; false where it has none.
bool place_media(Question& question, const std::string& video, Release& release) {
  question.media.video = release.media(
      {"data/" + video + ".mp4", "video/" + video + ".mp4", "data/" + video + ".MP4", "data/" + video + ".mkv"});
  const auto subtitles = release.find({"subtitle/" + video + ".srt"});
  if (subtitles) question.item.subtitles = rows::Subtitles{"srt", *subtitles, 0};
  return subtitles.has_value();
}

Released read(Release& release) {
  const auto [file, list] = table_of(release);
  Released out;
  std::map<std::string, std::set<std::string>> videos;
  std::set<std::string> silent;
  for (size_t i = 0; i < list.size(); ++i) {
    const PublishedRow row(list[i], file, static_cast<int64_t>(i));
    Question question = question_of(row, file, static_cast<int64_t>(i), out);
    const std::string video = row.text("videoID");
    if (!place_media(question, video, release)) silent.insert(video);
    videos[row.text("duration")].insert(video);
    out.questions.push_back(std::move(question));
  }
  if (!silent.empty()) out.odd["missing_subtitles"] = static_cast<int64_t>(silent.size());
  out.notes = notes_of(videos, static_cast<int64_t>(list.size()));
  return out;
}

/// As published, a line each.
std::string option_lines(const Question& question) {
  const Json& aux = question.item.aux;
  if (!aux.is_object() || !aux.contains("options")) return dotted_options(question);
  std::string lines;
  for (const Json& line : aux.at("options")) lines += (lines.empty() ? "" : "\n") + line.get<std::string>();
  return lines;
}

constexpr const char* kInstruction =
    "Select the best answer to the following multiple-choice question based on the video. Respond with only the letter (A, "
    "B, "
    "C, or D) of the correct option.\n";

std::string longvu_text(const Question& question) {
  return "Question: " + question.question + "\nOptions:\n" + option_lines(question) +
         "\nRespond with only the letter (A, B, C, or D) of the correct option.\n";
}

/// With lmms-eval's words for its llava_vid. It speaks of subtitles in any case.
std::string lmms_text(const Question& question) {
  return "Select the best answer to the following multiple-choice question based on the video and the subtitles. Respond "
         "with "
         "only the letter (A, B, C, or D) of the correct option.\n" +
         question.question + "\n" + option_lines(question) + "\nThe best answer is:";
}

std::string text_without(std::string_view profile, const Question& question) {
  if (profile == "rrpo-longvu") return longvu_text(question);
  if (profile == "lmms") return lmms_text(question);
  return question.question + "\n" + kInstruction + option_lines(question) + "\n";
}

Asking ask(std::string_view profile, const Question& question) { return {"", text_without(profile, question), ""}; }

}  // namespace

std::string videomme_text(std::string_view profile, const Question& question, const std::optional<std::string>& cues) {
  const std::string listed = "This video's subtitles are listed below:";
  if (profile == "lmms") return listed + " \n" + cues.value_or("No subtitles available") + "\n" + lmms_text(question);
  if (!cues || cues->empty()) return text_without(profile, question);
  if (profile == "rrpo-longvu") return *cues + longvu_text(question);
  return listed + "\n" + *cues + "\n" + kInstruction + question.question + "\n" + option_lines(question) + "\n";
}

Asking ask_videomme_with_subtitles(std::string_view profile, const Question& question,
                                   const std::optional<std::string>& cues) {
  const std::string text = videomme_text(profile, question, cues);
  return profile == "rrpo-videochat2" ? ask_videochat2(VideoChat2::option, text) : Asking{"", text, ""};
}

Benchmark benchmark_videomme() {
  Benchmark benchmark;
  benchmark.name = "videomme";
  benchmark.title = "Video-MME";
  benchmark.size = "2,700 questions about 900 videos (100 GB), 744 of them with subtitles";
  benchmark.source =
      "hub lmms-lab/Video-MME: the table videomme/test-00000-of-00001.parquet, through scripts/parquet_to_jsonl.py; "
      "videos_chunked_01..20.zip (about 100 GB) unpacked to data/, subtitle.zip to subtitle/";
  benchmark.licence = "academic use only; no copies in whole or in part";
  benchmark.layout = {"videomme/test-00000-of-00001.jsonl", "data/<videoID>.mp4", "subtitle/<videoID>.srt"};
  benchmark.scorers = {"rrpo", "lmms", "vlmeval"};
  benchmark.weighting = "every question alike (rrpo: every answered question)";
  benchmark.heard = Heard::listed;
  benchmark.published = paper_column({41.0, 43.0, 44.3, 64.0, 63.1, 64.5, 64.5, 56.2, 56.6, 57.7});
  benchmark.read = read;
  benchmark.ask = ask;
  return benchmark;
}

}  // namespace rrpo::eval
