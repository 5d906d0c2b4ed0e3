// TVBench: json/TASK.json with the clips in video/TASK/.
#include <array>

#include "entries.h"
#include "multiple_choice.h"

namespace rrpo::eval {
namespace {

using rows::Question;

/// A task and how many questions it has in the first release; of two tasks a later one has fewer.
struct Task {
  const char* name;
  bool bounds;
  int64_t first, revised;
};

constexpr std::array<Task, 10> kTasks = {{{"action_count", false, 536, 536},
                                          {"object_count", false, 148, 148},
                                          {"action_sequence", true, 528, 437},
                                          {"object_shuffle", false, 225, 225},
                                          {"scene_transition", false, 185, 185},
                                          {"action_localization", true, 160, 160},
                                          {"action_antonym", false, 320, 320},
                                          {"unexpected_action", false, 120, 82},
                                          {"egocentric_sequence", false, 200, 200},
                                          {"moving_direction", false, 232, 232}}};

void note_revision(Released& out) {
  const std::string count = std::to_string(out.questions.size()) + " questions";
  bool first = true, revised = true;
  std::string others;
  for (const Task& task : kTasks) {
    const int64_t here = questions_of(out, task.name);
    first = first && here == task.first;
    revised = revised && here == task.revised;
    if (here != task.first && here != task.revised)
      others += (others.empty() ? "" : ", ") + std::string(task.name) + " " + std::to_string(here);
  }
  if (first) {
    out.notes.push_back(count + ": the first release, of 2024; the later one has 2525");
  } else if (revised) {
    out.notes.push_back(count + ": the revised release; the first one had 2654");
  } else {
    out.notes.push_back(count + ": neither the first release (2654) nor the revised one (2525)" +
                        (others.empty() ? "" : "; unlike both: " + others));
  }
}

/// NTU RGB+D is given out by its owners alone.
void note_ntu(const Release& release, Released& out) {
  const int64_t missing = missing_in(release, "video/action_antonym/");
  if (missing == 0) return;
  out.notes.push_back(
      std::to_string(missing) +
      " clips of action_antonym are missing: they are NTU RGB+D recordings, which its owners give out; put the "
      ".avi files into video/action_antonym/");
}

std::vector<std::string> places_of(const std::string& task, const std::string& video) {
  std::vector<std::string> places = {"video/" + task + "/" + video, task + "/" + video};
  // Recordings that were converted, as players of browsers need it.
  if (video.ends_with(".avi")) places.push_back("video/" + task + "/" + video.substr(0, video.size() - 4) + ".mp4");
  return places;
}

Released read(Release& release) {
  refuse_other_release(release, "TVBench", {"json/egocentric_sequence.json", "json/object_count.json"});
  std::vector<std::string> folders;
  for (const Task& task : kTasks) folders.push_back(task.name);
  release.keep_apart(folders);
  Released out;
  for (const Task& task : kTasks) {
    const std::string name = task.name;
    // One week's revision of the hub had tables in their place.
    const std::vector<std::string> places = {"json/" + name + ".json", "json/" + name + ".jsonl",
                                             name + "/train-00000-of-00001.jsonl"};
    const auto media = [&](const Record& record, Question& question) {
      question.media.video = release.media(places_of(name, record.row().text("video")));
      if (task.bounds) set_bounds(question, record, out);
    };
    read_choices(release, "tvbench", name, places, media, out);
  }
  note_revision(out);
  note_ntu(release, out);
  return out;
}

Asking ask(std::string_view profile, const Question& question) {
  if (profile != "lmms") return ask_authors(profile, question);
  const std::string text = stripped(question.question) + "\n" + dotted_options(question);
  return {"", stripped(text + "\nAnswer with the option letter only."), ""};
}

}  // namespace

Benchmark benchmark_tvbench() {
  Benchmark entry;
  entry.name = "tvbench";
  entry.title = "TVBench";
  entry.size = "2525 questions in 10 tasks (2654 in the first release); the archives are more than 13 GB";
  entry.source =
      "hub: FunAILab/TVBench, open; unpack video/*.zip there. The .avi clips of action_antonym come from NTU RGB+D's "
      "owners";
  entry.licence = "annotations CC BY 4.0; videos under those of their sources";
  entry.layout = {"json/action_count.json (and nine more)", "video/action_count/*.mp4 (and nine more)"};
  entry.scorers = {"rrpo", "official", "lmms"};
  entry.sampling = "segment_centre";
  entry.weighting = "every question alike";
  entry.published = paper_column({44.0, 45.7, 45.8, 51.0, 51.9, 51.9, 52.2, 53.7, 54.3, 56.5});
  entry.read = read;
  entry.ask = ask;
  return entry;
}

}  // namespace rrpo::eval
