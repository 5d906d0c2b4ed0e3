// LongVideoBench: lvb_val.json, or the same rows as JSON lines of its table; videos and subtitles by name.
#include <array>

#include "entries.h"
#include "multiple_choice.h"

namespace rrpo::eval {
namespace {

using rows::Question;

const std::vector<std::string> kVal = {"lvb_val.json", "validation-00000-of-00001.jsonl", "lvb_val.jsonl"};
const std::vector<std::string> kTest = {"lvb_test_wo_gt.json", "test-00000-of-00001.jsonl", "lvb_test_wo_gt.jsonl"};
constexpr int64_t kPublished = 1337;

/// `candidates`, or the table's `option0` to `option4`, of which those that are not there say N/A.
std::vector<std::string> candidates_of(const Record& record) {
  if (record.row().has("candidates")) return record.texts("candidates");
  std::vector<std::string> out;
  for (int i = 0; i < 5; ++i) {
    const std::string column = "option" + std::to_string(i);
    if (record.row().has(column) && record.row().text_or_empty(column) != "N/A")
      out.push_back(record.row().text_or_empty(column));
  }
  return out;
}

/// The place of the right option; nothing in the test set.
std::optional<size_t> answer_of(const Record& record, size_t candidates) {
  const auto place = record.number("correct_choice");
  if (!place || *place < 0) return std::nullopt;
  const auto index = static_cast<size_t>(*place);
  if (static_cast<double>(index) != *place || index >= candidates) record.row().fail("'correct_choice' is no candidate");
  return index;
}

std::string axis_of(const Record& record, const std::string& key) {
  const Json& value = record.json.at(key);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void set_subtitles(Question& question, const Record& record, const Release& release, Released& out) {
  const std::string name = record.row().text_or_empty("subtitle_path");
  if (name.empty()) return;
  const auto path = release.find({"subtitles/" + name, name});
  if (path) {
    question.item.subtitles =
        rows::Subtitles{"lvb_json", *path, record.number("starting_timestamp_for_subtitles").value_or(0)};
  } else {
    ++out.odd["missing_subtitles"];
  }
}

/// A row of the publisher under its own id; nothing where its answer is not published.
std::optional<Question> question_of(const Record& record, Release& release, Released& out) {
  const std::vector<std::string> candidates = candidates_of(record);
  const auto answer = answer_of(record, candidates.size());
  if (!answer) return std::nullopt;
  Question question = choice_question(record, record.row().text("id"), candidates);
  answer_by_place(question, *answer);
  const std::string video = record.row().text("video_path");
  question.media.video = release.media({"videos/" + video, video});
  question.item.duration_s = record.number("duration");
  for (const char* axis : {"duration_group", "question_category"}) {
    if (record.row().has(axis)) question.item.axes[axis] = axis_of(record, axis);
  }
  set_subtitles(question, record, release, out);
  count_oddities(question, out);
  return question;
}

void note_test_set(const Release& release, Released& out) {
  if (const auto rows = rows_left_out(release, kTest))
    out.notes.push_back(release.find(kTest).value() + ": " + std::to_string(*rows) +
                        " questions whose answers are not published, left out");
}

Released read(Release& release) {
  refuse_other_release(release, "LongVideoBench", kVal);
  if (!release.find(kVal)) refuse_parquet(release, {"validation-00000-of-00001.parquet"});
  const std::vector<Json> list = release.need_rows(kVal);
  const std::string file = release.find(kVal).value();
  Released out;
  int64_t unanswered = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    const Record record{list[i], "longvideobench", "val", file, static_cast<int64_t>(i)};
    if (auto question = question_of(record, release, out)) {
      out.questions.push_back(*std::move(question));
    } else {
      ++unanswered;
    }
  }
  if (unanswered > 0) out.notes.push_back(std::to_string(unanswered) + " rows without correct_choice, left out");
  if (static_cast<int64_t>(out.questions.size()) != kPublished)
    out.notes.push_back(std::to_string(out.questions.size()) + " questions: 1337 are published in val");
  note_test_set(release, out);
  return out;
}

/// The scripts do not give the subtitles, though they have a text for them.
Asking ask(std::string_view profile, const Question& question) {
  const std::string options = dotted_options(question);
  const std::string directly = "Answer with the option's letter from the given choices directly.";
  if (profile == "lmms") return {"", question.question + "\n" + options + "\n" + directly + "\n", ""};
  const std::string text = "Question: " + question.question + "\nOptions:\n" + options;
  if (profile == "rrpo-videochat2") return ask_videochat2(VideoChat2::option, text);
  // Without a line end between the last option and what follows: so the script has it.
  if (profile == "rrpo-longvu") return {"", text + "Respond with only the letter of the correct option.\n", ""};
  return {"", text + "\n" + directly, ""};
}

}  // namespace

Benchmark benchmark_longvideobench() {
  Benchmark entry;
  entry.name = "longvideobench";
  entry.title = "LongVideoBench";
  entry.size = "1337 questions of the validation set; all videos 162 GB; the test set's answers are not published";
  entry.source = "hub: longvideobench/LongVideoBench, after its form; cat videos.tar.part.* | tar x, tar xf subtitles.tar";
  entry.licence = "CC BY-NC-SA 4.0";
  entry.layout = {"lvb_val.json (or its table as JSON lines)", "videos/*.mp4", "subtitles/*.json"};
  entry.scorers = {"rrpo", "lmms", "vlmeval"};
  entry.max_new_tokens = 128;
  entry.weighting = "every question alike";
  entry.heard = Heard::between_frames;
  entry.published = paper_column({40.4, 41.0, 42.8, 60.1, 59.4, 60.4, 60.1, 48.6, 49.4, 49.7});
  entry.read = read;
  entry.ask = ask;
  return entry;
}

}  // namespace rrpo::eval
