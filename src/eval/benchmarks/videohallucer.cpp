// VideoHallucer: pairs of a basic and a hallucinated question, one JSON array for each of five subsets.
#include <array>
#include <set>
#include <utility>

#include "entries.h"
#include "multiple_choice.h"
#include "published.h"

namespace rrpo::eval {
namespace {

using rows::Question;

struct Subset {
  const char* name;
  const char* folder;
};

constexpr std::array<Subset, 5> kSubsets = {{{"obj_rel", "object_relation"},
                                             {"temporal", "temporal"},
                                             {"semantic", "semantic_detail"},
                                             {"fact", "external_factual"},
                                             {"nonfact", "external_nonfactual"}}};
/// Published beside them, and no part of the benchmark's number.
constexpr std::array<const char*, 4> kLeftOut = {"fact_detect/fact_detect.json", "fact_detect/fact_detect_yn.json",
                                                 "interaction/interaction.json", "interaction/conflict.jsonl"};
constexpr std::array<const char*, 2> kRoles = {"basic", "hallucination"};
constexpr const char* kInstruction = "\nAnswer the question using 'yes' or 'no'.";

struct Place {
  Subset subset;
  std::string file;
  int64_t index = 0;
};

Question question_of(const PublishedRow& pair, const Place& place, const std::string& role, Release& release) {
  const PublishedRow row(pair.object(role), place.file + " " + role, place.index);
  const std::string answer = lower_case(stripped(row.text("answer")));
  if (answer != "yes" && answer != "no") row.fail("its answer is neither yes nor no");
  Question question;
  const std::string group = std::string("videohallucer/") + place.subset.name + "/" + std::to_string(place.index);
  question.id = group + "/" + role;
  question.media.video = release.media({std::string(place.subset.folder) + "/videos/" + row.text("video")});
  question.question = row.text("question");
  question.answer = answer;
  question.format = "yesno";
  question.item.benchmark = "videohallucer";
  question.item.task = "pair_qa";
  question.item.subset = place.subset.name;
  question.item.keys = {answer};
  question.item.group = group;
  question.item.role = role;
  question.item.rule = "all";
  question.item.axes = {{"subset", place.subset.name}};
  if (const std::string type = pair.text_or_empty("type"); !type.empty()) question.item.axes["type"] = type;
  question.item.source = {{"file", place.file}, {"index", place.index}};
  return question;
}

/// Pairs of a subset, and how many of them stand there a second time.
struct Counts {
  int64_t pairs = 0, repeated = 0;
};

Counts read_subset(const Subset& subset, Release& release, std::vector<Question>& questions) {
  const std::string file = std::string(subset.folder) + ".json";
  const std::vector<Json> pairs = release.need_rows({subset.folder + ("/" + file)});
  if (pairs.empty()) bad_release_row(file, 0, "is not there: the file is empty");
  std::set<std::string> met;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const Place place{subset, file, static_cast<int64_t>(i)};
    const PublishedRow pair(pairs[i], place.file, place.index);
    for (const char* role : kRoles) questions.push_back(question_of(pair, place, role, release));
    met.insert(pairs[i].dump());
  }
  return {static_cast<int64_t>(pairs.size()), static_cast<int64_t>(pairs.size() - met.size())};
}

std::string temporal_note(const Counts& counts) {
  const auto [pairs, repeated] = counts;
  const std::string note = "temporal has " + std::to_string(pairs) + " pairs: ";
  if (pairs == 200 && repeated == 24) return note + "the release before 2025-10-24, as in the papers; 24 pairs stand twice";
  if (pairs == 176 && repeated == 0)
    return note + "the release of 2025-10-24, without 24 that stood twice; the papers have 200";
  return note + "neither 200 (the papers) nor 176 (since 2025-10-24)";
}

/// Videos and basic questions of fact that nonfact has as well: a slip there counts in both.
std::string shared_note(const std::vector<Question>& questions) {
  std::set<std::string> fact_videos, fact_texts, videos, texts;
  for (const Question& question : questions) {
    const std::string name = std::filesystem::path(question.media.video).filename().string();
    if (question.item.subset == "fact") fact_videos.insert(name);
    if (question.item.subset == "nonfact" && fact_videos.contains(name)) videos.insert(name);
    if (question.item.role != "basic") continue;
    if (question.item.subset == "fact") fact_texts.insert(name + "\n" + question.question);
    if (question.item.subset == "nonfact" && fact_texts.contains(name + "\n" + question.question))
      texts.insert(name + "\n" + question.question);
  }
  return "fact and nonfact share " + std::to_string(videos.size()) + " videos and " + std::to_string(texts.size()) +
         " basic questions";
}

Released read(Release& release) {
  refuse_other_release(release, "VideoHallucer", {"object_relation/object_relation.json"});
  Released out;
  for (const Subset& subset : kSubsets) {
    const Counts counts = read_subset(subset, release, out.questions);
    if (counts.repeated > 0) out.odd["duplicate_pair"] += counts.repeated;
    if (subset.name == std::string_view("temporal")) out.notes.push_back(temporal_note(counts));
  }
  out.notes.push_back(shared_note(out.questions));
  std::string left_out;
  for (const char* file : kLeftOut) {
    if (release.find({file})) left_out += (left_out.empty() ? "" : ", ") + std::string(file);
  }
  if (!left_out.empty()) out.notes.push_back("left out, as in the paper's number: " + left_out);
  return out;
}

Asking ask(std::string_view profile, const Question& question) {
  if (profile == "lmms") refuse_lmms("VideoHallucer");
  return {"", question.question + kInstruction, ""};
}

}  // namespace

Benchmark benchmark_videohallucer() {
  Benchmark benchmark;
  benchmark.name = "videohallucer";
  benchmark.title = "VideoHallucer";
  benchmark.size =
      "976 pairs of questions in five subsets (1,000 until 2025-10-24), 1,148 video files"
      " (about 10 GB, by a dozen of them)";
  benchmark.source =
      "hub bigai-nlco/VideoHallucer (now ColorfulAI/VideoHallucer): annotations and videos; nothing else to do";
  benchmark.licence = "annotations MIT; videos belong to their owners";
  for (const Subset& subset : kSubsets) {
    const std::string folder = subset.folder;
    benchmark.layout.push_back(folder + "/" + folder + ".json");
    benchmark.layout.push_back(folder + "/videos/");
  }
  benchmark.scorers = {"rrpo", "official"};
  benchmark.max_new_tokens = 1024;
  benchmark.overall = Overall::subsets;
  benchmark.weighting = "mean over the five subsets of the share of pairs with both answers right";
  benchmark.published = paper_column({23.1, 22.1, 32.9, 50.0, 53.3, 55.7, 55.8, 39.2, 40.9, 44.0});
  benchmark.read = read;
  benchmark.ask = ask;
  return benchmark;
}

}  // namespace rrpo::eval
