// VidHalluc: yes-or-no questions about several clips, questions with several right options, and changes of scene.
#include <algorithm>
#include <array>

#include "entries.h"
#include "multiple_choice.h"
#include "published.h"

namespace rrpo::eval {
namespace {

using rows::Question;

constexpr const char* kSceneChange =
    "Watch the given video and determine if a scene change occurs. If no change occurs, respond: 'Scene change: No, "
    "Locations: "
    "None'. If there is a scene change, respond in the format: 'Scene change: Yes, Locations: from [location1] to "
    "[location2].'";
constexpr const char* kBqa = "ach_binaryqa.json";
constexpr const char* kMcq = "ach_mcq.json";
constexpr const char* kSth = "sth.json";
constexpr std::array<const char*, 3> kUnreadable = {"eXMF6Skt2To_clip_3", "KVaTsulE5Z0_clip_2", "KVaTsulE5Z0_clip_3"};

/// The zip files have unlike folders inside, so what is not at one of these places is searched by name.
std::string clip_of(Release& release, const std::string& part, const std::string& name) {
  const std::string file = name + ".mp4";
  return release.media(
      {"data/" + part + "_videos/" + file, "data/" + part + "/" + file, part + "_videos/" + file, part + "/" + file});
}

Question question_of(const std::string& task, const std::string& id, const std::string& file) {
  Question question;
  question.id = "vidhalluc/" + task + "/" + id;
  question.item.benchmark = "vidhalluc";
  question.item.task = task;
  question.item.source = {{"file", file}};
  return question;
}

std::string yes_or_no(const PublishedRow& row, const std::string& said) {
  const std::string answer = lower_case(stripped(said));
  if (answer != "yes" && answer != "no") row.fail("'" + said + "' is neither Yes nor No");
  return answer;
}

void need_object(const Json& json, std::string_view file, const std::string& shape) {
  if (!json.is_object() || json.empty()) bad_release_row(file, 0, "is no VidHalluc file: it is no object " + shape);
}

/// One question, asked about each of its clips.
void read_clips(const PublishedRow& row, const std::string& id, Release& release, std::vector<Question>& questions) {
  const Json& clips = row.object("a");
  if (clips.empty()) row.fail("has no clips");
  for (const auto& [clip, said] : clips.items()) {
    if (!said.is_string()) row.fail("the answer of clip '" + clip + "' is no text");
    Question question = question_of("bqa", id + "/" + clip, kBqa);
    question.media.video = clip_of(release, "ACH", clip);
    question.question = row.text("q");
    question.format = "yesno";
    question.item.text = question.answer = said.get<std::string>();
    question.item.keys = {yes_or_no(row, question.answer)};
    question.item.group = "vidhalluc/bqa/" + id;
    question.item.role = clip;
    question.item.rule = "all";
    questions.push_back(std::move(question));
  }
}

/// `{group: [{"q", "a": {clip: "Yes"}}]}`: a question counts where it is right on each of its clips.
void read_bqa(Release& release, Released& out) {
  const Json groups = release.need_json({kBqa});
  need_object(groups, kBqa, "{group: [{q, a}]}");
  for (const auto& [group, list] : groups.items()) {
    const std::string place = std::string(kBqa) + "#" + group;
    if (!list.is_array()) bad_release_row(place, 0, "is no list of questions");
    for (size_t i = 0; i < list.size(); ++i) {
      const PublishedRow row(list[i], place, static_cast<int64_t>(i));
      read_clips(row, group + "/" + std::to_string(i), release, out.questions);
    }
  }
}

/// The options and the letters of the published answer that are among them.
void read_choices(Question& question, const PublishedRow& row, Released& out) {
  for (const auto& [key, text] : row.object("Choices").items()) {
    if (!text.is_string() || text.get<std::string>().empty()) row.fail("option '" + key + "' is no text");
    question.options.push_back({key, text.get<std::string>()});
  }
  if (question.options.empty()) row.fail("has no options");
  for (const char c : question.item.text) {
    const std::string letter(1, c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    const auto is_it = [&](const rows::Option& option) { return option.key == letter; };
    auto& keys = question.item.keys;
    if (std::none_of(question.options.begin(), question.options.end(), is_it)) continue;
    if (std::find(keys.begin(), keys.end(), letter) == keys.end()) keys.push_back(letter);
  }
  if (question.item.keys.empty()) ++out.odd["answer_not_among_candidates"];
  if (question.item.keys.size() > 1) ++out.odd["several_letters"];
}

/// `{group: {clip: {"Question", "Choices": {"A": …}, "Correct Answer"}}}`
void read_mcq(Release& release, Released& out) {
  const Json groups = release.need_json({kMcq});
  need_object(groups, kMcq, "{group: {clip: question}}");
  for (const auto& [group, clips] : groups.items()) {
    const std::string place = std::string(kMcq) + "#" + group;
    need_object(clips, place, "{clip: question}");
    int64_t index = 0;
    for (const auto& [clip, json] : clips.items()) {
      const PublishedRow row(json, place, index++);
      Question question = question_of("mcq", group + "/" + clip, kMcq);
      question.media.video = clip_of(release, "ACH", clip);
      question.question = row.text("Question");
      question.format = "mcq_set";
      question.item.text = question.answer = row.text("Correct Answer");
      read_choices(question, row, out);
      out.questions.push_back(std::move(question));
    }
  }
}

/// `{video: {"Scene change", "Locations"}}`
void read_sth(Release& release, Released& out) {
  const Json videos = release.need_json({kSth});
  need_object(videos, kSth, "{video: {Scene change, Locations}}");
  int64_t index = 0;
  for (const auto& [video, json] : videos.items()) {
    const PublishedRow row(json, kSth, index++);
    Question question = question_of("sth", video, kSth);
    question.media.video = clip_of(release, "STH", video);
    question.question = kSceneChange;
    question.format = "scene_change";
    question.item.text = question.answer = row.text("Scene change");
    question.item.keys = {yes_or_no(row, question.answer)};
    const std::string locations = row.text_or_empty("Locations");
    question.item.aux = {{"locations", locations}};
    if (question.item.keys.front() == "yes" && !stripped(locations).ends_with(".")) ++out.odd["truth_without_full_stop"];
    out.questions.push_back(std::move(question));
  }
}

std::string unreadable_note(const std::vector<Question>& questions) {
  std::string names;
  for (const std::string clip : kUnreadable) {
    const auto is_it = [&](const Question& question) { return question.media.video.ends_with("/" + clip + ".mp4"); };
    if (std::any_of(questions.begin(), questions.end(), is_it)) names += (names.empty() ? "" : ", ") + clip;
  }
  return names.empty() ? "" : "clips that others report as unreadable: " + names;
}

Released read(Release& release) {
  refuse_other_release(release, "VidHalluc", {kBqa, kMcq, kSth});
  Released out;
  read_bqa(release, out);
  read_mcq(release, out);
  read_sth(release, out);
  if (const std::string note = unreadable_note(out.questions); !note.empty()) out.notes.push_back(note);
  if (release.find({"tsh.json"})) out.notes.emplace_back("left out, as in the paper's number: tsh.json");
  out.notes.emplace_back(
      "the papers' scripts read copies of the videos with 5 frames a second; mcq is asked for one option");
  return out;
}

Asking ask_mcq(std::string_view profile, const Question& question) {
  std::string text = authors_prompt(question);
  if (profile == "rrpo-videochat2") return ask_videochat2(VideoChat2::option, text);
  if (profile == "rrpo-longvu")
    text += "Answer with the option's letter from the given choices directly and only give the best option.";
  return {"", text, ""};
}

Asking ask(std::string_view profile, const Question& question) {
  if (profile == "lmms") refuse_lmms("VidHalluc");
  if (question.item.task == "mcq") return ask_mcq(profile, question);
  std::string text = question.question;
  if (question.item.task == "bqa") text += " Only answer with a single word 'Yes' or 'No'.";
  if (profile == "rrpo-videochat2") return ask_videochat2(VideoChat2::question, text);
  return {"", text, ""};
}

}  // namespace

Benchmark benchmark_vidhalluc() {
  Benchmark benchmark;
  benchmark.name = "vidhalluc";
  benchmark.title = "VidHalluc";
  benchmark.size =
      "yes-or-no questions on several clips each, questions with several right options, 445 videos with or without "
      "a change of scene; about 4,400 videos (25 GB, as a user tells)";
  benchmark.source =
      "hub chaoyuli/VidHalluc: ach_binaryqa.json, ach_mcq.json, sth.json and data/{ACH,STH}_videos.zip, unpacked "
      "anywhere below the folder";
  benchmark.licence = "none stated";
  benchmark.layout = {"ach_binaryqa.json", "ach_mcq.json", "sth.json", "data/ACH_videos/<clip>.mp4",
                      "data/STH_videos/<video>.mp4"};
  benchmark.scorers = {"rrpo", "official"};
  benchmark.overall = Overall::parts;
  benchmark.weighting =
      "mean of bqa (questions right on all their clips), mcq and sth (0.6 classification + 0.4 description); "
      "ours, since the paper's scripts compute none";
  benchmark.published = paper_column({73.3, 72.4, 76.4, 76.6, 76.5, 76.5, 76.6, 67.3, 68.5, 71.7});
  benchmark.read = read;
  benchmark.ask = ask;
  return benchmark;
}

}  // namespace rrpo::eval
