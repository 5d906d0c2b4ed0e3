// EventHallusion: yes or no about three parts of videos. Its descriptions need a judge, and are left out.
#include <array>
#include <set>

#include "entries.h"
#include "multiple_choice.h"
#include "published.h"

namespace rrpo::eval {
namespace {

using rows::Question;

constexpr const char* kTitle = "EventHallusion";
constexpr std::array<const char*, 3> kParts = {"entire", "interleave", "misleading"};
constexpr const char* kInstruction = "\nPlease answer yes or no:";

std::string file_of(const std::string& part) { return "questions/" + part + "_questions.json"; }

/// `Yes.` and `No.` as published; the script compares them as they are.
std::string word_of(const PublishedRow& row) {
  const std::string answer = row.text("answer");
  if (answer != "Yes." && answer != "No.") row.fail("'answer' is neither 'Yes.' nor 'No.'");
  return answer == "Yes." ? "yes" : "no";
}

/// `00:14`, or a number of seconds.
std::optional<double> seconds_of(const Json& length) {
  if (length.is_number()) return length.get<double>();
  if (!length.is_string()) return std::nullopt;
  const std::string text = stripped(length.get<std::string>());
  const size_t colon = text.find(':');
  const auto is_number = [](const std::string& part) {
    return !part.empty() && part.size() < 6 && part.find_first_not_of("0123456789") == std::string::npos;
  };
  if (colon == std::string::npos || !is_number(text.substr(0, colon)) || !is_number(text.substr(colon + 1)))
    return std::nullopt;
  return 60.0 * std::stoi(text.substr(0, colon)) + std::stoi(text.substr(colon + 1));
}

/// One video of a part, with its questions.
void read_video(const PublishedRow& row, const Json& published, const std::string& part, int64_t index, Release& release,
                Released& out) {
  const std::string video = row.text("id"), file = file_of(part);
  const auto duration = seconds_of(published.value("length", Json()));
  if (!duration) ++out.odd["missing_length"];
  const Json& list = row.list("questions");
  if (list.empty()) ++out.odd["video_without_question"];
  for (size_t i = 0; i < list.size(); ++i) {
    const PublishedRow asked(list[i], file + " questions", index);
    Question question;
    question.id = "eventhallusion/" + part + "/" + video + "/" + std::to_string(i);
    question.question = asked.text("question");
    question.format = "yesno";
    question.item.keys = {word_of(asked)};
    question.item.text = question.answer = asked.text("answer");
    question.item.benchmark = "eventhallusion";
    question.item.task = part;
    question.item.duration_s = duration;
    if (const std::string category = row.text_or_empty("category"); !category.empty())
      question.item.axes = {{"category", category}};
    question.item.source = {{"file", file}, {"index", index}, {"id", video}, {"question", i}};
    question.media.video = release.media({"videos/" + part + "/" + video + ".mp4", part + "/" + video + ".mp4"});
    out.questions.push_back(std::move(question));
  }
}

/// A part whose answers are all one word tells little: who always says it has them all.
void note_constant(const Released& released, const std::string& part, std::vector<std::string>& notes) {
  std::set<std::string> words;
  for (const Question& question : released.questions) {
    if (question.item.task == part) words.insert(question.item.keys.front());
  }
  if (words.size() == 1) notes.push_back("every answer of " + part + " is " + *words.begin());
}

Released read(Release& release) {
  refuse_other_release(release, kTitle, {file_of("entire")});
  Released out;
  int64_t videos = 0;
  for (const std::string part : kParts) {
    const std::vector<Json> list = release.need_rows({file_of(part)});
    if (list.empty()) bad_release_row(file_of(part), 0, "is not there: the file is empty");
    videos += static_cast<int64_t>(list.size());
    for (size_t i = 0; i < list.size(); ++i) {
      const auto index = static_cast<int64_t>(i);
      read_video(PublishedRow(list[i], file_of(part), index), list[i], part, index, release, out);
    }
    note_constant(out, part, out.notes);
  }
  out.notes.push_back("left out: the descriptions of " + std::to_string(videos) + " videos, which a language model judges");
  if (out.questions.size() != 409)
    out.notes.emplace_back("published are 409 questions: 114 entire, 193 interleave, 102 misleading");
  return out;
}

Asking ask(std::string_view profile, const Question& question) {
  if (profile == "lmms") refuse_lmms(kTitle);
  refuse_authors_models(profile, kTitle);
  return {"", question.question + kInstruction, ""};
}

}  // namespace

Benchmark benchmark_eventhallusion() {
  Benchmark benchmark;
  benchmark.name = "eventhallusion";
  benchmark.title = kTitle;
  benchmark.size =
      "409 yes/no questions about 397 videos in three parts; every answer of a part is the same word"
      "; how large the download is we do not know";
  benchmark.source =
      "github Stevetich/EventHallusion: the questions; the videos from the drive that its README links, unpacked to videos/";
  benchmark.licence = "none stated";
  for (const std::string part : kParts) benchmark.layout.push_back(file_of(part));
  benchmark.layout.emplace_back("videos/<part>/<id>.mp4");
  benchmark.scorers = {"official"};
  benchmark.sampling = "linspace";
  benchmark.frames = 8;
  benchmark.max_new_tokens = 1024;
  benchmark.overall = Overall::matched;
  benchmark.weighting = "every question alike";
  benchmark.published = {{"Video-LLaVA", "8", 50.6}, {"GPT-4o", "8", 84.1}, {"Gemini", "-", 80.2}};
  benchmark.published_in = "its eval.py over the replies in Stevetich/EventHallusion 7396e04";
  benchmark.read = read;
  benchmark.ask = ask;
  return benchmark;
}

}  // namespace rrpo::eval
