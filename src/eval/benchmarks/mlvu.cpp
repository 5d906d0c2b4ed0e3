// MLVU's development set: json/TASK.json with the videos in video/TASK/; its repository has the annotations alone, in data/.
#include <array>

#include "entries.h"
#include "multiple_choice.h"
#include "rrpo/util/error.h"

namespace rrpo::eval {
namespace {

using rows::Question;

struct Task {
  const char* name;
  int64_t questions;
};

constexpr std::array<Task, 7> kTasks = {{{"1_plotQA", 539},
                                         {"2_needle", 355},
                                         {"3_ego", 352},
                                         {"4_count", 206},
                                         {"5_order", 259},
                                         {"6_anomaly_reco", 200},
                                         {"7_topic_reasoning", 264}}};
constexpr std::array<const char*, 2> kGenerative = {"8_sub_scene", "9_summary"};

std::vector<std::string> annotations(const std::string& task) {
  return {"json/" + task + ".json", "MLVU/json/" + task + ".json", "data/" + task + ".json"};
}

/// The test set has other tasks, and six options.
void refuse_test_set(const Release& release) {
  if (release.find(annotations("1_plotQA"))) return;
  for (const char* file : {"test_multi_choice_tasks.json", "test_mcq_gt.json"}) {
    if (!release.find({file})) continue;
    throw Error(Fault::input, "data", release.root().string() + ": is MLVU-Test (six options), not the development set",
                "give the development set, MLVU/json/1_plotQA.json and so on");
  }
}

void note_what_is_special(const Release& release, Released& out) {
  std::string others;
  for (const Task& task : kTasks) {
    const int64_t here = questions_of(out, task.name);
    if (here != task.questions)
      others += ", " + std::string(task.name) + " " + std::to_string(here) + " of " + std::to_string(task.questions);
  }
  if (!others.empty()) out.notes.push_back("not as published: " + others.substr(2) + " questions");
  for (const char* task : kGenerative) {
    if (const auto rows = rows_left_out(release, annotations(task)))
      out.notes.push_back(std::string(task) + ": " + std::to_string(*rows) +
                          " questions that are answered freely and are no part of M-Avg, left out");
  }
}

Released read(Release& release) {
  refuse_test_set(release);
  refuse_other_release(release, "MLVU", annotations("1_plotQA"));
  std::vector<std::string> folders(kGenerative.begin(), kGenerative.end());
  for (const Task& task : kTasks) folders.push_back(task.name);
  release.keep_apart(folders);
  Released out;
  for (const Task& task : kTasks) {
    const std::string name = task.name;
    const auto media = [&](const Record& record, Question& question) {
      const std::string video = name + "/" + record.row().text("video");
      // What is missing is named where it belongs: beside the annotations.
      const std::string above = record.file.starts_with("MLVU/") ? "MLVU/video/" : "video/";
      question.media.video = release.media({above + video, "video/" + video, "MLVU/video/" + video, video});
      question.item.duration_s = record.number("duration");
    };
    read_choices(release, "mlvu", name, annotations(name), media, out);
  }
  note_what_is_special(release, out);
  return out;
}

Asking ask(std::string_view profile, const Question& question) {
  const std::string prompt = authors_prompt(question);
  if (profile == "rrpo-longvu")
    return {"", prompt + "Respond with only the letter (A, B, C or D) of the correct option.", ""};
  if (profile != "lmms") return ask_authors(profile, question);
  // The table that lmms-eval reads has the options in the text of the question.
  std::string text = question.question;
  for (const rows::Option& option : question.options) text += "\n(" + option.key + ") " + option.text;
  return {"", text + "\nOnly give the best option.\nBest option: (", ""};
}

}  // namespace

Benchmark benchmark_mlvu() {
  Benchmark entry;
  entry.name = "mlvu";
  entry.title = "MLVU";
  entry.size =
      "2175 questions in 7 tasks of the development set, 1242 videos"
      " (280 to 400 GB, as users tell)";
  entry.source = "hub: MLVU/MVLU, after its form";
  entry.licence = "CC BY-NC-SA 4.0";
  entry.layout = {"json/1_plotQA.json (and six more; or MLVU/json/, or data/)", "video/1_plotQA/*.mp4 (or MLVU/video/)"};
  entry.scorers = {"rrpo", "official", "lmms", "vlmeval"};
  entry.max_new_tokens = 1024;
  entry.overall = Overall::tasks;
  entry.weighting = "M-Avg: every task alike";
  entry.published = paper_column({46.4, 47.4, 47.9, 68.6, 67.4, 69.1, 69.4, 63.6, 63.6, 64.5});
  entry.read = read;
  entry.ask = ask;
  return entry;
}

}  // namespace rrpo::eval
