#include "multiple_choice.h"

#include <algorithm>
#include <set>

#include "rrpo/text/unicode.h"
#include "rrpo/util/error.h"

namespace rrpo::eval {
namespace {

using rows::Question;

/// Files that one benchmark has and no other.
struct Mark {
  const char* name;
  const char* title;
  std::vector<std::string> files;
};

const std::vector<Mark>& marks() {
  static const std::vector<Mark> all = {
      {"tvbench", "TVBench", {"json/egocentric_sequence.json", "json/object_count.json"}},
      {"mvbench", "MVBench", {"json/counterfactual_inference.json", "json/episodic_reasoning.json"}},
      {"mlvu", "MLVU", {"json/1_plotQA.json", "json/2_needle.json"}},
      {"longvideobench", "LongVideoBench", {"lvb_val.json", "lvb_test_wo_gt.json"}},
      {"tempcompass", "TempCompass", {"questions/caption_matching.json", "questions/yes_no.json"}},
      {"videohallucer", "VideoHallucer", {"object_relation/object_relation.json", "semantic_detail/semantic_detail.json"}},
      {"vidhalluc", "VidHalluc", {"ach_binaryqa.json", "ach_mcq.json"}},
      {"videomme", "Video-MME", {"videomme/test-00000-of-00001.jsonl", "videomme/test-00000-of-00001.parquet"}},
      {"eventhallusion", "EventHallusion", {"questions/entire_questions.json", "questions/interleave_questions.json"}},
      {"elvhalluc", "ELV-Halluc", {"data/ELV_Halluc.jsonl"}}};
  return all;
}

/// Python's str.isspace, which takes four separators of ASCII for white space that Unicode does not.
bool is_blank(int32_t code_point) {
  return text::char_class(code_point) == text::CharClass::space || (code_point >= 0x1c && code_point <= 0x1f);
}

/// Ids of the publisher, kept so that a row can be found again.
Json source_of(const Record& record) {
  Json source = {{"file", record.file}, {"index", record.index}};
  for (const char* id : {"question_id", "id", "video_id"}) {
    if (record.json.contains(id) && !record.json.at(id).is_null()) source[id] = record.json.at(id);
  }
  return source;
}

}  // namespace

std::optional<double> Record::number(const std::string& key) const {
  if (!row().has(key)) return std::nullopt;
  if (!json.at(key).is_number()) row().fail("'" + key + "' is no number");
  return json.at(key).get<double>();
}

std::string Record::text(const std::string& key) const {
  if (!row().has(key)) row().fail("has no '" + key + "'");
  const Json& value = json.at(key);
  if (!value.is_string() && !value.is_number()) row().fail("'" + key + "' is no text");
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::vector<std::string> Record::texts(const std::string& key) const {
  std::vector<std::string> out;
  for (const Json& one : row().list(key)) {
    if (!one.is_string() && !one.is_number()) row().fail("'" + key + "' holds something that is no text");
    out.push_back(one.is_string() ? one.get<std::string>() : one.dump());
  }
  return out;
}

Question choice_question(const Record& record, const std::string& name, const std::vector<std::string>& candidates) {
  Question question;
  question.id = std::string(record.benchmark) + "/" + std::string(record.task) + "/" + name;
  question.question = record.text("question");
  question.format = "mcq";
  if (candidates.empty() || candidates.size() > 26) record.row().fail("has no candidates, or more than letters");
  for (size_t i = 0; i < candidates.size(); ++i) {
    question.options.push_back({std::string(1, static_cast<char>('A' + i)), candidates[i]});
  }
  question.item.benchmark = record.benchmark;
  question.item.task = record.task;
  question.item.source = source_of(record);
  return question;
}

void answer_by_text(Question& question, const std::string& answer) {
  question.answer = question.item.text = answer;
  std::string keys;
  for (const rows::Option& option : question.options) {
    if (option.text != answer) continue;
    question.item.keys.push_back(option.key);
    keys += (keys.empty() ? "" : ", ") + option.key;
  }
  if (answer.empty()) question.answer = keys;  // MLVU has options without a text, right ones among them
}

void answer_by_place(Question& question, size_t place) {
  const rows::Option& option = question.options.at(place);
  question.item.text = option.text;
  question.item.keys = {option.key};
  question.answer = option.text.empty() ? option.key : option.text;
}

void count_oddities(const Question& question, Released& out) {
  std::multiset<std::string> wrong;
  int64_t right = 0;
  for (const rows::Option& option : question.options) {
    if (option.text == question.item.text) {
      ++right;
    } else {
      wrong.insert(option.text);
    }
  }
  if (right == 0) ++out.odd["answer_not_among_candidates"];
  if (right > 1) ++out.odd["answer_twice"];
  if (std::adjacent_find(wrong.begin(), wrong.end()) != wrong.end()) ++out.odd["equal_candidates"];
  if (question.options.size() == 1) ++out.odd["single_candidate"];
  const auto is_empty = [](const rows::Option& option) { return option.text.empty(); };
  if (std::any_of(question.options.begin(), question.options.end(), is_empty)) ++out.odd["empty_candidate"];
  if (question.question.empty()) ++out.odd["empty_question"];
}

void set_bounds(Question& question, const Record& record, Released& out) {
  const auto start = record.number("start"), end = record.number("end");
  if (!start || !end) {
    ++out.odd["missing_bounds"];
  } else if (*end <= std::max(*start, 0.0)) {
    ++out.odd["empty_bounds"];
  } else {
    question.media.start_s = std::max(*start, 0.0);
    question.media.end_s = end;
  }
}

void read_choices(Release& release, std::string_view benchmark, std::string_view task,
                  const std::vector<std::string>& places,
                  const std::function<void(const Record& record, Question& question)>& media, Released& out) {
  const std::vector<Json> list = release.need_rows(places);
  const std::string file = release.find(places).value();
  for (size_t i = 0; i < list.size(); ++i) {
    const Record record{list[i], benchmark, task, file, static_cast<int64_t>(i)};
    record.row().text("video");
    Question question = choice_question(record, std::to_string(i), record.texts("candidates"));
    answer_by_text(question, record.text("answer"));
    if (question.answer.empty()) record.row().fail("'answer' is empty, and so is no candidate");
    media(record, question);
    count_oddities(question, out);
    out.questions.push_back(std::move(question));
  }
}

void refuse_other_release(const Release& release, std::string_view title, const std::vector<std::string>& own) {
  if (release.find(own)) return;
  for (const Mark& mark : marks()) {
    if (mark.title == title || !release.find(mark.files)) continue;
    throw Error(Fault::input, "data", release.root().string() + ": is " + mark.title + ", not " + std::string(title),
                "name " + std::string(mark.name) + ", or the folder of " + std::string(title));
  }
}

std::optional<size_t> rows_left_out(const Release& release, const std::vector<std::string>& places) {
  const auto text = release.text(places);
  if (!text) return std::nullopt;
  const std::string file = release.find(places).value();
  if (!file.ends_with(".jsonl")) return parse_json(*text, "data", file).size();
  return static_cast<size_t>(std::count(text->begin(), text->end(), '\n'));
}

int64_t questions_of(const Released& released, std::string_view task) {
  return std::count_if(released.questions.begin(), released.questions.end(),
                       [&](const Question& question) { return question.item.task == task; });
}

int64_t missing_in(const Release& release, std::string_view folder) {
  const std::vector<std::string>& missing = release.missing_media();
  return std::count_if(missing.begin(), missing.end(), [&](const std::string& file) { return file.starts_with(folder); });
}

std::string authors_prompt(const Question& question) {
  std::string out = "Question: " + question.question + "\nOptions:\n";
  for (const rows::Option& option : question.options) out += "(" + option.key + ") " + option.text + "\n";
  return out;
}

std::string dotted_options(const Question& question) {
  std::string out;
  for (const rows::Option& option : question.options) out += (out.empty() ? "" : "\n") + option.key + ". " + option.text;
  return out;
}

std::string stripped(std::string_view text) {
  const std::string ended = stripped_end(text);
  int64_t first = 0;
  while (first < static_cast<int64_t>(ended.size())) {
    const text::CodePoint at = text::code_point_at(ended, first);
    if (!is_blank(at.value)) break;
    first += at.size;
  }
  return ended.substr(static_cast<size_t>(first));
}

std::string stripped_end(std::string_view text) {
  int64_t end = 0;
  for (int64_t at = 0; at < static_cast<int64_t>(text.size());) {
    const text::CodePoint one = text::code_point_at(text, at);
    at += one.size;
    if (!is_blank(one.value)) end = at;
  }
  return std::string(text.substr(0, static_cast<size_t>(end)));
}

Asking ask_authors(std::string_view profile, const Question& question) {
  const std::string prompt = authors_prompt(question);
  if (profile == "rrpo-longvu") {
    return {"", prompt + "Answer with the option's letter from the given choices directly and only give the best option.",
            ""};
  }
  if (profile == "rrpo-videochat2") return ask_videochat2(VideoChat2::option, stripped_end(prompt));
  return {"", stripped_end(prompt), ""};
}

}  // namespace rrpo::eval
