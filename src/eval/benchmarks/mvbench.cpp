// MVBench: json/TASK.json (a mirror: text/TASK.json) with the clips by their sources, as its main branch or its branch
// `video` has them.
#include <array>

#include "entries.h"
#include "multiple_choice.h"

namespace rrpo::eval {
namespace {

using rows::Question;

/// A task, the folder of its clips below video/, and their folder in the branch `video` where it is another one.
struct Task {
  const char* name;
  const char* folder;
  bool bounds = false;
  const char* branch = "";
};

constexpr const char* kStar = "star/Charades_v1_480";
constexpr const char* kStarCut = "star/Charades_segment";
constexpr const char* kClevrer = "clevrer/video_validation";
constexpr const char* kPerception = "perception/videos";
constexpr std::array<Task, 20> kTasks = {{{"action_sequence", kStar, true, kStarCut},
                                          {"action_prediction", kStar, true, kStarCut},
                                          {"action_antonym", "ssv2_video", false, "ssv2_video_mp4"},
                                          {"fine_grained_action", "Moments_in_Time_Raw/videos"},
                                          {"unexpected_action", "FunQA_test/test"},
                                          {"object_existence", kClevrer},
                                          {"object_interaction", kStar, true, kStarCut},
                                          {"object_shuffle", kPerception},
                                          {"moving_direction", kClevrer},
                                          {"action_localization", "sta/sta_video", true, "sta/sta_video_segment"},
                                          {"scene_transition", "scene_qa/video"},
                                          {"action_count", kPerception},
                                          {"moving_count", kClevrer},
                                          {"moving_attribute", kClevrer},
                                          {"state_change", kPerception},
                                          {"fine_grained_pose", "nturgbd", false, "nturgbd_convert"},
                                          {"character_order", kPerception},
                                          {"egocentric_navigation", "vlnqa"},
                                          {"episodic_reasoning", "tvqa/frames_fps3_hq", true, "tvqa/video_fps3_hq_segment"},
                                          {"counterfactual_inference", kClevrer}}};

/// `name` with another ending.
std::string as_mp4(const std::string& name) {
  const size_t dot = name.rfind('.');
  return (dot == std::string::npos || name.find('/', dot) != std::string::npos ? name : name.substr(0, dot)) + ".mp4";
}

/// Where the clips of a folder may lie: video/, what the zips of clevrer and star make of it, and no folder above at all.
void add_places(std::vector<std::string>& places, const std::string& folder, const std::string& video) {
  for (const char* above : {"video/", "video/data0613/", ""}) places.push_back(above + folder + "/" + video);
}

std::vector<std::string> places_of(const Task& task, const std::string& video) {
  std::vector<std::string> places;
  add_places(places, task.folder, video);
  if (*task.branch == '\0') return places;
  add_places(places, task.branch, video);
  add_places(places, task.branch, as_mp4(video));
  return places;
}

/// In the branch `video` these are the parts themselves.
bool is_cut(const std::string& path) { return path.find("_segment/") != std::string::npos; }

/// Three pictures a second, numbered from 1; in the branch `video` a clip made of them.
void set_pictures(Question& question, const Task& task, std::string name, Release& release) {
  while (name.ends_with('/')) name.pop_back();
  std::vector<std::string> folders;
  add_places(folders, task.folder, name);
  const std::vector<std::string> clips = {std::string("video/") + task.branch + "/" + as_mp4(name),
                                          std::string(task.branch) + "/" + as_mp4(name)};
  if (!release.find_folder(folders) && release.find(clips)) {
    question.media.video = release.media(clips);
  } else {
    question.media.folder = rows::PictureFolder{release.picture_folder(folders), "%05d.jpg", 3, 1};
  }
}

void set_media(Question& question, const Task& task, const Record& record, Release& release, Released& out) {
  const std::string video = record.row().text("video");
  if (std::string_view(task.name) == "episodic_reasoning") {
    set_pictures(question, task, video, release);
  } else {
    question.media.video = release.media(places_of(task, video));
  }
  if (is_cut(question.media.video)) {
    ++out.odd["cut_already"];
  } else if (task.bounds) {
    set_bounds(question, record, out);
  }
}

void note_what_is_special(const Release& release, Released& out) {
  if (out.questions.size() != 4000)
    out.notes.push_back(std::to_string(out.questions.size()) + " questions: 4000 are published, 200 a task");
  if (out.odd.contains("cut_already"))
    out.notes.push_back("clips of the branch `video` are the parts asked about: start and end of their rows are not used");
  if (const int64_t missing = missing_in(release, "video/nturgbd/"); missing > 0)
    out.notes.push_back(std::to_string(missing) +
                        " clips of fine_grained_pose are missing: they are NTU RGB+D recordings, which its owners give out "
                        "(video/MVBench_videos_ntu.txt lists them); put them into video/nturgbd/");
}

Released read(Release& release) {
  refuse_other_release(release, "MVBench", {"json/counterfactual_inference.json", "json/episodic_reasoning.json"});
  release.keep_apart({"star", "ssv2_video", "ssv2_video_mp4", "Moments_in_Time_Raw", "FunQA_test", "clevrer", "perception",
                      "sta", "scene_qa", "nturgbd", "nturgbd_convert", "vlnqa", "tvqa"});
  Released out;
  for (const Task& task : kTasks) {
    const std::string name = task.name;
    const auto media = [&](const Record& record, Question& question) { set_media(question, task, record, release, out); };
    read_choices(release, "mvbench", name, {"json/" + name + ".json", "text/" + name + ".json"}, media, out);
  }
  note_what_is_special(release, out);
  return out;
}

Asking ask(std::string_view profile, const Question& question) {
  if (profile != "lmms") return ask_authors(profile, question);
  std::string text = "Question:" + question.question + "\nOption:\n";
  for (const rows::Option& option : question.options) text += "(" + option.key + ") " + option.text + "\n";
  return {"", text + "Only give the best option.\n", ""};
}

}  // namespace

Benchmark benchmark_mvbench() {
  Benchmark entry;
  entry.name = "mvbench";
  entry.title = "MVBench";
  entry.size = "4000 questions: 20 tasks of 200, 3687 clips (17.3 GB)";
  entry.source =
      "hub: OpenGVLab/MVBench, after its form; unpack video/*.zip there. The clips of fine_grained_pose come from NTU "
      "RGB+D's owners";
  entry.licence = "annotations MIT; videos under those of their sources";
  entry.layout = {"json/action_count.json (and 19 more; or text/)", "video/perception/videos/*.mp4 (and more)",
                  "video/tvqa/frames_fps3_hq/CLIP/*.jpg"};
  entry.scorers = {"rrpo", "official", "lmms", "vlmeval"};
  entry.sampling = "segment_centre";
  entry.weighting = "every question alike, which is every task alike where all are there";
  entry.published = paper_column({60.2, 59.6, 59.0, 61.1, 60.6, 62.2, 62.1, 65.5, 65.9, 66.8});
  entry.read = read;
  entry.ask = ask;
  return entry;
}

}  // namespace rrpo::eval
