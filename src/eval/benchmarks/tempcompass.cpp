// TempCompass: questions/*.json with meta_info.json as its repository has them, or the hub's four tables as JSON lines.
#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "entries.h"
#include "multiple_choice.h"
#include "published.h"
#include "rrpo/util/error.h"

namespace rrpo::eval {
namespace {

namespace fs = std::filesystem;
using rows::Option;
using rows::Question;

struct Task {
  const char* name;
  const char* format;
  const char* instruction;
};

constexpr std::array<Task, 4> kTasks = {{{"multi-choice", "mcq", "\nPlease directly give the best option:"},
                                         {"yes_no", "yesno", "\nPlease answer yes or no:"},
                                         {"caption_matching", "caption_match", "\nPlease directly give the best option:"},
                                         {"captioning", "caption_gen", ""}}};

/// One question as published, whatever the file's form.
struct Entry {
  std::string video, aspect, question, answer;
  std::string choice{}, choice_answer{};  ///< of captioning: what the judge answers from the caption
  int64_t ordinal = 0;                    ///< among those of its video and aspect
  int64_t index = 0;                      ///< in the file
};

struct Table {
  std::string file;
  std::vector<Entry> entries;
};

Entry entry_of(const PublishedRow& row, std::string video, std::string aspect, int64_t ordinal, int64_t index) {
  Entry entry{std::move(video), std::move(aspect), row.text("question"), row.text("answer")};
  entry.choice = row.text_or_empty("mc_question");
  entry.choice_answer = row.text_or_empty("mc_answer");
  entry.ordinal = ordinal;
  entry.index = index;
  return entry;
}

/// `{video: {aspect: [{"question", "answer"}]}}`
Table nested_table(const Json& json, const std::string& file) {
  Table table{file, {}};
  if (!json.is_object()) bad_release_row(file, 0, "is no TempCompass file: it is no object of videos");
  for (const auto& [video, aspects] : json.items()) {
    if (!aspects.is_object()) bad_release_row(file, 0, "is no TempCompass file: '" + video + "' has no aspects");
    for (const auto& [aspect, list] : aspects.items()) {
      const std::string place = file + "#" + video + "." + aspect;
      if (!list.is_array()) bad_release_row(place, 0, "is no list of questions");
      for (size_t i = 0; i < list.size(); ++i) {
        const auto ordinal = static_cast<int64_t>(i), index = static_cast<int64_t>(table.entries.size());
        table.entries.push_back(entry_of({list[i], place, ordinal}, video, aspect, ordinal, index));
      }
    }
  }
  return table;
}

/// `{"video_id", "question", "answer", "dim"}`
Table flat_table(const std::vector<Json>& list, const std::string& file) {
  Table table{file, {}};
  std::map<std::pair<std::string, std::string>, int64_t> met;
  for (size_t i = 0; i < list.size(); ++i) {
    const PublishedRow row(list[i], file, static_cast<int64_t>(i));
    const std::string video = row.text("video_id"), aspect = row.text("dim");
    table.entries.push_back(entry_of(row, video, aspect, met[{video, aspect}]++, static_cast<int64_t>(i)));
  }
  return table;
}

/// The hub's tables have one name in four folders, so another folder's will not do.
Table hub_table(Release& release, const std::string& task) {
  const std::vector<std::string> places = {task + "/test-00000-of-00001.jsonl", task + ".jsonl"};
  const auto is_of_task = [&](const std::optional<std::string>& found) {
    return found && (fs::path(*found).stem() == task || fs::path(*found).parent_path().filename() == task);
  };
  if (const auto found = release.find(places); is_of_task(found)) return flat_table(*release.rows({*found}), *found);
  const std::vector<std::string> tables = {task + "/test-00000-of-00001.parquet"};
  if (is_of_task(release.find(tables))) refuse_parquet(release, tables);
  throw Error(Fault::input, "data",
              release.root().string() + ": holds neither questions/" + task + ".json nor " + places.front(),
              "rrpo-eval benchmarks says what to download and how it is laid out");
}

Table table_of(Release& release, const std::string& task) {
  const std::string file = "questions/" + task + ".json";
  if (auto json = release.json({file})) return nested_table(*json, file);
  return hub_table(release, task);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  return lines;
}

/// `A. to the left`; a line that is not quite so has `odd` set. Nothing where no letter and full stop begin it.
std::optional<Option> letter_option(const std::string& line, bool& odd) {
  const std::string text = stripped(line);
  odd = text.size() < 3 || text[0] < 'A' || text[0] > 'D' || text.substr(1, 2) != ". " || line.front() != text.front();
  if (text.size() < 3 || text[0] < 'A' || text[0] > 'Z' || text[1] != '.') return std::nullopt;
  return Option{text.substr(0, 1), stripped(text.substr(2))};
}

/// `Caption A: …`, `Sentence A: …`, `Option 1: …`
std::optional<Option> caption_option(const std::string& line, bool& odd) {
  const size_t colon = line.find(": ");
  const size_t blank = line.find(' ');
  odd = colon == std::string::npos || blank + 2 != colon || colon + 2 >= line.size();
  if (odd) return std::nullopt;
  return Option{line.substr(blank + 1, 1), line.substr(colon + 2)};
}

/// The options that the question's later lines list, and the keys of those that are the published answer.
void read_options(Question& question, std::map<std::string, int64_t>& odd) {
  std::vector<std::string> lines = lines_of(question.question);
  const bool captions = question.format == "caption_match";
  for (size_t i = 1; i < lines.size(); ++i) {
    bool is_odd = false;
    const auto option = captions ? caption_option(lines[i], is_odd) : letter_option(lines[i], is_odd);
    if (is_odd) ++odd["odd_option_line"];
    if (!option || option->text.empty()) continue;
    const auto same_key = [&](const Option& other) { return other.key == option->key; };
    if (std::any_of(question.options.begin(), question.options.end(), same_key)) continue;
    question.options.push_back(*option);
    if (stripped(lines[i]) == stripped(question.item.text)) question.item.keys.push_back(option->key);
  }
  if (question.options.empty()) bad_release_row(question.id, 0, "lists no options in its question");
  if (question.item.keys.empty()) ++odd["answer_not_among_candidates"];
  question.item.options_inline = true;
}

void read_yes_no(Question& question, std::map<std::string, int64_t>& odd) {
  const std::string answer = lower_case(stripped(question.item.text));
  if (answer == "yes" || answer == "no") {
    question.item.keys = {answer};
  } else {
    ++odd["answer_neither_yes_nor_no"];
  }
}

using Choices = std::map<std::pair<std::string, std::string>, std::pair<std::string, std::string>>;

/// The first multiple-choice question of each video and aspect, with its answer: the judge answers it from the caption.
Choices first_choices(const Table& multi_choice) {
  Choices choices;
  for (const Entry& entry : multi_choice.entries)
    choices.try_emplace({entry.video, entry.aspect}, entry.question, entry.answer);
  return choices;
}

void read_caption(Question& question, const Entry& entry, const Choices& choices, Released& out) {
  std::pair<std::string, std::string> choice{entry.choice, entry.choice_answer};
  const auto first = choices.find({entry.video, entry.aspect});
  if (choice.first.empty() && first != choices.end()) choice = first->second;
  if (choice.first.empty()) ++out.odd["caption_without_question"];
  question.item.aux = {{"mc_question", choice.first}, {"mc_answer", choice.second}};
}

/// What is finer than the aspect; `order` has nothing finer.
std::string fine_aspect(const std::optional<Json>& meta, const Entry& entry) {
  if (entry.aspect == "order") return meta ? "order" : "";
  Json at = meta.value_or(Json());
  for (const std::string& key : {entry.video, std::string("eval_dim"), entry.aspect, std::string("type")})
    at = at.is_object() ? at.value(key, Json()) : Json();
  return at.is_string() ? at.get<std::string>() : "";
}

bool has_outer_blanks(const std::string& text) {
  const auto lines = lines_of(text);
  return std::any_of(lines.begin(), lines.end(), [](const std::string& line) { return line != stripped(line); });
}

/// What all tasks have; the task's own reading follows.
Question question_of(const Task& task, const Entry& entry, const std::string& file, Release& release) {
  Question question;
  question.id =
      std::string("tempcompass/") + task.name + "/" + entry.video + "/" + entry.aspect + "/" + std::to_string(entry.ordinal);
  question.media.video = release.media({"videos/" + entry.video + ".mp4"});
  question.question = entry.question;
  question.answer = entry.answer;
  question.format = task.format;
  question.item.benchmark = "tempcompass";
  question.item.task = task.name;
  question.item.text = entry.answer;
  question.item.axes = {{"aspect", entry.aspect}};
  question.item.source = {{"file", file}, {"index", entry.index}, {"video_id", entry.video}};
  return question;
}

/// Nobody scores with the answer of a captioning row, which is not always that of the question that the judge is given.
std::string caption_note(const std::vector<Question>& questions) {
  const auto other = std::count_if(questions.begin(), questions.end(), [](const Question& question) {
    return question.format == "caption_gen" && question.item.aux.value("mc_answer", "") != question.item.text;
  });
  return "captioning: the judge is given the first multi-choice question of the video and aspect; " + std::to_string(other) +
         " rows have another answer than that";
}

void read_task(const Task& task, const Table& table, const Choices& choices, const std::optional<Json>& meta,
               Release& release, Released& out) {
  std::set<std::array<std::string, 4>> met;
  for (const Entry& entry : table.entries) {
    Question question = question_of(task, entry, table.file, release);
    const std::string fine = fine_aspect(meta, entry);
    if (!fine.empty()) question.item.axes["fine_aspect"] = fine;
    if (meta && fine.empty()) ++out.odd["no_fine_aspect"];
    if (question.format == "yesno") read_yes_no(question, out.odd);
    if (question.format == "mcq" || question.format == "caption_match") read_options(question, out.odd);
    if (question.format == "caption_gen") read_caption(question, entry, choices, out);
    if (!met.insert({entry.video, entry.aspect, entry.question, entry.answer}).second) ++out.odd["duplicate_question"];
    if (has_outer_blanks(entry.question)) ++out.odd["line_with_outer_blanks"];
    out.questions.push_back(std::move(question));
  }
}

Released read(Release& release) {
  refuse_other_release(release, "TempCompass",
                       {"questions/multi-choice.json", "multi-choice/test-00000-of-00001.jsonl",
                        "multi-choice/test-00000-of-00001.parquet", "multi-choice.jsonl"});
  std::vector<Table> tables;
  for (const Task& task : kTasks) tables.push_back(table_of(release, task.name));
  const auto meta = release.json({"meta_info.json"});
  const Choices choices = first_choices(tables[0]);
  Released out;
  for (size_t i = 0; i < kTasks.size(); ++i) read_task(kTasks[i], tables[i], choices, meta, release, out);
  if (!meta) out.notes.emplace_back("meta_info.json is not there: no fine aspects");
  out.notes.push_back(caption_note(out.questions));
  out.notes.emplace_back(
      "a judge rates captioning, and in the published numbers also replies of the other tasks that no rule matches");
  return out;
}

Asking ask(std::string_view profile, const Question& question) {
  std::string text = question.question;
  for (const Task& task : kTasks) {
    if (question.item.task == task.name) text += task.instruction;
  }
  if (profile == "rrpo-videochat2") return ask_videochat2(VideoChat2::given_question, text);
  return {"", text, ""};
}

}  // namespace

Benchmark benchmark_tempcompass() {
  Benchmark benchmark;
  benchmark.name = "tempcompass";
  benchmark.title = "TempCompass";
  benchmark.size = "7,540 questions in four tasks about 410 videos (418 MB)";
  benchmark.source =
      "questions/ and meta_info.json from GitHub llyx97/TempCompass (or the tables of the hub's lmms-lab/TempCompass, "
      "through "
      "scripts/parquet_to_jsonl.py); videos: tempcompass_videos.zip of the hub, unpacked to videos/";
  benchmark.licence = "annotations CC BY-NC 4.0; videos belong to their owners";
  benchmark.layout = {"questions/multi-choice.json",
                      "questions/yes_no.json",
                      "questions/caption_matching.json",
                      "questions/captioning.json",
                      "meta_info.json",
                      "videos/<video id>.mp4",
                      "<task>/test-00000-of-00001.jsonl (instead of questions/)"};
  benchmark.scorers = {"rrpo", "official", "lmms", "vlmeval"};
  benchmark.overall = Overall::tasks_labelled;
  benchmark.weighting = "mean of the four tasks; ours, since its publishers and the paper's scripts compute none";
  benchmark.published = paper_column({59.3, 60.0, 60.2, 66.0, 66.4, 66.8, 67.4, 63.9, 64.3, 64.5});
  benchmark.read = read;
  benchmark.ask = ask;
  return benchmark;
}

}  // namespace rrpo::eval
