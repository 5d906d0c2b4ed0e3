// Video-MME-v2: one table with four questions about each video, which count together.
#include <algorithm>
#include <array>
#include <set>

#include "entries.h"
#include "multiple_choice.h"
#include "published.h"
#include "rrpo/rows/group.h"
#include "rrpo/util/error.h"

namespace rrpo::eval {
namespace {

using rows::Question;

constexpr const char* kTitle = "Video-MME-v2";
constexpr int64_t kVideos = 800, kOfVideo = 4;
constexpr std::array<const char*, 3> kAxes = {"level", "second_head", "third_head"};
constexpr const char* kFrames = "These are the frames of a video.";
constexpr const char* kInstruction =
    "Select the best answer to the following multiple-choice question based on the video. Respond with only the letter (A, "
    "B, "
    "C, D, E, F, G, or H) of the correct option.";

void refuse_v1(const std::vector<Json>& list, const std::string& file) {
  const auto is_v1 = [](const Json& row) {
    return row.is_object() && !row.contains("group_type") && (row.contains("videoID") || row.contains("duration"));
  };
  if (std::none_of(list.begin(), list.end(), is_v1)) return;
  throw Error(Fault::input, "data", file + ": is Video-MME (four options, no groups), not Video-MME-v2",
              "name videomme, or give the test table of Video-MME-v2");
}

/// Lines `A. …` in one text; a line that does not begin with the next letter goes on with the option before it.
std::vector<rows::Option> options_of(const std::string& published) {
  std::vector<rows::Option> out;
  for (size_t at = 0; at <= published.size();) {
    const size_t end = std::min(published.find('\n', at), published.size());
    const std::string line = published.substr(at, end - at), key(1, static_cast<char>('A' + out.size()));
    at = end + 1;
    if (line.starts_with(key + ".") && out.size() < 26) {
      out.push_back({key, line.substr(line.starts_with(key + ". ") ? 3 : 2)});
    } else if (!out.empty()) {
      out.back().text += "\n" + line;
    }
  }
  return out;
}

void read_options(Question& question, const Record& record, Released& out) {
  const std::string published = record.row().text("options");
  question.options = options_of(published);
  if (question.options.size() < 2) record.row().fail("'options' lists no options A, B, …");
  if (question.options.size() != 8) ++out.odd["not_eight_options"];
  if (dotted_options(question) == published) return;
  question.item.aux["options"] = published;
  ++out.odd["odd_option_line"];
}

void read_answer(Question& question, const Record& record, Released& out) {
  question.item.text = question.answer = record.row().text("answer");
  const auto is_it = [&](const rows::Option& option) { return option.key == question.answer; };
  const auto right = std::find_if(question.options.begin(), question.options.end(), is_it);
  if (right != question.options.end()) question.item.keys = {right->key};
  Question by_text = question;
  if (right != question.options.end()) by_text.item.text = right->text;
  count_oddities(by_text, out);
}

/// A text, or a whole number whatever the table made of it; empty where there is none, also as the script writes it.
std::string heading(const Record& record, const std::string& key) {
  if (!record.row().has(key)) return "";
  const Json& value = record.json.at(key);
  if (value.is_number()) return std::to_string(static_cast<int64_t>(value.get<double>()));
  const std::string text = record.text(key);
  return text == "None" ? "" : text;
}

/// The group counts as its last question says, and stands where that one does.
void read_group(Question& question, const Record& last, const std::string& video, size_t place) {
  rows::Item& item = question.item;
  item.group = "videomme_v2/" + video;
  item.role = std::to_string(place + 1);
  item.rule = last.row().text("group_type");
  if (item.rule != "relevance" && item.rule != "logic") last.row().fail("'group_type' is neither relevance nor logic");
  if (item.rule == "logic") {
    const Json published = last.json.value("group_structure", Json());
    const std::string text = published.is_string() ? published.get<std::string>() : published.dump();
    item.aux["group_structure"] = rows::chain_structure(text);
    if (rows::chain_of(item).empty()) last.row().fail("'group_structure' is none of the three that its script knows");
  }
  item.axes = {{"group_type", item.rule}};
  for (const char* axis : kAxes) {
    if (const std::string text = heading(last, axis); !text.empty()) item.axes[axis] = text;
  }
}

struct Table {
  std::string file;
  std::vector<Json> rows;

  Record record(size_t index) const {
    return {rows[index], "videomme_v2", "videomme_v2", file, static_cast<int64_t>(index)};
  }
};

Table table_of(Release& release) {
  const std::vector<std::string> places = {"test.jsonl", "test.json", "videomme_v2.jsonl"};
  const auto place = release.find(places);
  if (!place) refuse_other_release(release, kTitle, {"test.parquet"});
  if (!place) refuse_parquet(release, {"test.parquet"});
  Table table{place.value_or(""), release.need_rows(places)};
  if (table.rows.empty()) bad_release_row(table.file, 0, "is not there: the file is empty");
  refuse_v1(table.rows, table.file);
  if (table.rows.size() % kOfVideo != 0)
    bad_release_row(table.file, static_cast<int64_t>(table.rows.size()) - 1, "ends a group of four questions too early");
  return table;
}

/// The four rows of a video stand together, in their order.
Question question_of(const Table& table, size_t index, Release& release, Released& out) {
  const size_t first = index - index % kOfVideo, place = index % kOfVideo;
  const Record record = table.record(index);
  const std::string video = table.record(first).text("video_id"), id = record.row().text("question_id");
  if (record.text("video_id") != video || !id.ends_with("-" + std::to_string(place + 1)))
    record.row().fail("is not question " + std::to_string(place + 1) + " of video " + video +
                      ": a group has four rows in order");
  Question question;
  question.id = "videomme_v2/videomme_v2/" + id;
  question.question = record.row().text("question");
  question.format = "mcq";
  question.item.benchmark = question.item.task = "videomme_v2";
  read_options(question, record, out);
  read_answer(question, record, out);
  read_group(question, table.record(first + kOfVideo - 1), video, place);
  question.media.video = release.media({"video/" + video + ".mp4", "videos/" + video + ".mp4"});
  question.item.source = {{"file", table.file}, {"index", index}, {"question_id", id}, {"video_id", video}};
  for (const char* axis : kAxes) {
    if (const std::string own = heading(record, axis); !own.empty()) question.item.source[axis] = own;
  }
  return question;
}

Released read(Release& release) {
  const Table table = table_of(release);
  Released out;
  int64_t heard = 0;
  std::map<std::string, int64_t> kinds;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    out.questions.push_back(question_of(table, i, release, out));
    if (i % kOfVideo != 0) continue;
    heard += release.find({"subtitle/" + table.record(i).text("video_id") + ".jsonl"}) ? 1 : 0;
    ++kinds[out.questions.back().item.rule];
  }
  const auto videos = static_cast<int64_t>(table.rows.size()) / kOfVideo;
  out.notes.push_back(std::to_string(kinds["relevance"]) + " groups by relevance, " + std::to_string(kinds["logic"]) +
                      " by logic");
  if (heard > 0)
    out.notes.push_back(std::to_string(heard) +
                        " files of subtitles by word are not used: its script asks without, unless told");
  if (videos != kVideos) out.notes.emplace_back("the whole benchmark has 3,200 questions about 800 videos");
  return out;
}

std::string option_lines(const Question& question) {
  const Json& aux = question.item.aux;
  return aux.contains("options") ? aux.at("options").get<std::string>() : dotted_options(question);
}

/// The script's two texts behind the frames stand side by side, as chat templates put them. lmms-eval has the second one.
Asking ask(std::string_view profile, const Question& question) {
  refuse_authors_models(profile, kTitle);
  const std::string text = "Question: " + question.question + "\n" + option_lines(question) + "\n" + kInstruction;
  return {"", profile == "lmms" ? text : kFrames + text, ""};
}

}  // namespace

Benchmark benchmark_videomme_v2() {
  Benchmark benchmark;
  benchmark.name = "videomme_v2";
  benchmark.title = kTitle;
  benchmark.size =
      "3,200 questions about 800 videos, four of each in one group"
      "; how large the download is we do not know";
  benchmark.source =
      "hub MME-Benchmarks/Video-MME-v2: the table test.parquet, through scripts/parquet_to_jsonl.py; its 40 archives "
      "unpacked to "
      "video/";
  benchmark.licence = "academic research only, no commercial use; no copies, changes or parts without approval";
  benchmark.layout = {"test.jsonl", "video/<video_id>.mp4"};
  benchmark.scorers = {"official", "lmms", "vlmeval"};
  benchmark.sampling = "videomme_v2";
  benchmark.max_new_tokens = 4096;
  benchmark.overall = Overall::grouped;
  benchmark.weighting = "every group of four alike: by relevance (right / 4)^2, by logic the unbroken chain from its table";
  benchmark.published = {{"LLaVA-Video-7B", "64", 7.2}, {"InternVL3.5-8B", "64", 11.4}, {"Qwen3.5-9B", "64", 10.3}};
  benchmark.published_in = "leaderboard in the README of MME-Benchmarks/Video-MME-v2 b24176a, without subtitles";
  benchmark.read = read;
  benchmark.ask = ask;
  return benchmark;
}

}  // namespace rrpo::eval
