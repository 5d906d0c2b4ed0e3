// VideoHallucer and VidHalluc: what their publishers' files become, and how their questions are asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../src/eval/benchmarks/entries.h"
#include "releases.h"
#include "rrpo/util/error.h"
#include "support/parity.h"
#include "support/temp_dir.h"

namespace rrpo::eval {
namespace {

using rows::Question;
using test::TempDir;
using test_release::fault;
using test_release::hash;
using test_release::read;
using test_release::with_id;
using testing::ElementsAre;
using testing::HasSubstr;

Json pair(const std::string& type, const std::string& video, const std::string& other = "") {
  return {{"basic", {{"video", video}, {"question", "Is it?"}, {"answer", "yes"}}},
          {"hallucination", {{"video", other.empty() ? video : other}, {"question", "Isn't it?"}, {"answer", "no"}}},
          {"type", type}};
}

/// The five subsets; `temporal` are its pairs.
void write_videohallucer(const TempDir& folder, const Json& temporal) {
  folder.write("object_relation/object_relation.json", Json::array({pair("subject", "o.mp4")}).dump());
  folder.write("temporal/temporal.json", temporal.dump());
  folder.write("semantic_detail/semantic_detail.json", Json::array({pair("semantic_detail", "a.mp4", "b.mp4")}).dump());
  for (const std::string kind : {"external_factual", "external_nonfactual"})
    folder.write(kind + "/" + kind + ".json", Json::array({pair(kind + "_course", "f.mp4")}).dump());
}

Json temporal_pairs(int64_t pairs, int64_t repeated) {
  Json list = Json::array();
  for (int64_t i = 0; i < pairs - repeated; ++i) list.push_back(pair("temporal_absolute", std::to_string(i) + ".mp4"));
  for (int64_t i = 0; i < repeated; ++i) list.push_back(list[static_cast<size_t>(i)]);
  return list;
}

void expect_golden(const Benchmark& benchmark, const std::string& name, const Question& question) {
  const Json golden = read_json(test::source_file("tests/golden/prompts.json"), "data").at(name).at("sha256");
  EXPECT_EQ(golden.size(), 3U) << name;
  for (const auto& [profile, expected] : golden.items())
    test::expect_same({"prompts of benchmarks", "pritamqu/RRPO a905573", "text of " + name + " under " + profile},
                      hash(benchmark.ask(profile, question)) == expected.get<std::string>());
}

Json golden_row(const std::string& name) {
  return read_json(test::source_file("tests/golden/prompts.json"), "data").at(name).at("row");
}

TEST(VideoHallucer, APairBecomesTwoQuestionsOfOneGroup) {
  const TempDir folder;
  write_videohallucer(folder, temporal_pairs(2, 0));
  const Released released = read(benchmark_videohallucer(), folder);
  EXPECT_EQ(released.questions.size(), 12U);
  const Question& basic = with_id(released, "videohallucer/semantic/0/basic");
  const Question& other = with_id(released, "videohallucer/semantic/0/hallucination");
  EXPECT_EQ(basic.media.video, "semantic_detail/videos/a.mp4");
  EXPECT_EQ(other.media.video, "semantic_detail/videos/b.mp4");
  EXPECT_THAT(basic.item.keys, ElementsAre("yes"));
  EXPECT_THAT(other.item.keys, ElementsAre("no"));
  EXPECT_EQ(basic.item.group, "videohallucer/semantic/0");
  EXPECT_EQ(other.item.group, basic.item.group);
  EXPECT_EQ(other.item.role, "hallucination");
  EXPECT_EQ(other.item.rule, "all");
  EXPECT_EQ(other.item.task, "pair_qa");
  EXPECT_EQ(other.item.axes, (Json{{"subset", "semantic"}, {"type", "semantic_detail"}}));
  const Json row = rows::question_json(other);
  EXPECT_TRUE(row.at("answer").at("text").is_null());
  EXPECT_EQ(rows::question_json(rows::parse_question(row, "q.jsonl:1")), row);
}

TEST(VideoHallucer, SaysWhichReleaseItIs) {
  const auto note = [](int64_t pairs, int64_t repeated, int64_t odd) {
    const TempDir folder;
    write_videohallucer(folder, temporal_pairs(pairs, repeated));
    const Released released = read(benchmark_videohallucer(), folder);
    EXPECT_EQ(released.odd.contains("duplicate_pair") ? released.odd.at("duplicate_pair") : 0, odd);
    return released.notes.front();
  };
  EXPECT_THAT(note(200, 24, 24), HasSubstr("before 2025-10-24"));
  EXPECT_THAT(note(176, 0, 0), HasSubstr("the release of 2025-10-24"));
  EXPECT_THAT(note(200, 0, 0), HasSubstr("neither 200"));
}

TEST(VideoHallucer, LeavesOutWhatIsNoPartOfItsNumberByName) {
  const TempDir folder;
  write_videohallucer(folder, temporal_pairs(1, 0));
  folder.write("fact_detect/fact_detect_yn.json", Json::array({pair("fact_nonfact_course", "d.mp4")}).dump());
  const Released released = read(benchmark_videohallucer(), folder);
  EXPECT_EQ(released.questions.size(), 10U);
  EXPECT_THAT(released.notes.back(), HasSubstr("fact_detect/fact_detect_yn.json"));
  EXPECT_THAT(released.notes, testing::Contains("fact and nonfact share 1 videos and 1 basic questions"));
}

TEST(VideoHallucer, RefusesWhatIsNotItsFile) {
  const TempDir empty, broken, other;
  EXPECT_THAT(fault(benchmark_videohallucer(), empty), HasSubstr("3 data:"));
  EXPECT_THAT(fault(benchmark_videohallucer(), empty), HasSubstr("object_relation/object_relation.json"));
  write_videohallucer(broken, Json::array({{{"video", "a.mp4"}, {"question", "?"}, {"candidates", {"1"}}}}));
  EXPECT_THAT(fault(benchmark_videohallucer(), broken), HasSubstr("temporal.json[0]: has no object 'basic'"));
  other.write("ach_mcq.json", "{}");
  EXPECT_THAT(fault(benchmark_videohallucer(), other), HasSubstr("is VidHalluc, not VideoHallucer"));
  Json bad = temporal_pairs(1, 0);
  bad[0]["hallucination"]["answer"] = "maybe";
  write_videohallucer(broken, bad);
  EXPECT_THAT(fault(benchmark_videohallucer(), broken), HasSubstr("neither yes nor no"));
}

TEST(VideoHallucer, IsAskedAsTheScriptsAskIt) {
  Question question;
  question.question = golden_row("videohallucer").at("question").get<std::string>();
  expect_golden(benchmark_videohallucer(), "videohallucer", question);
  EXPECT_THROW(benchmark_videohallucer().ask("lmms", question), Error);
}

/// Two questions on two clips, two of several options, three videos of scenes.
void write_vidhalluc(const TempDir& folder) {
  folder.write("ach_binaryqa.json", R"({"7": [{"q": "Moves it?", "a": {"k_clip_1": "Yes", "k_clip_2": "No"}},
                                               {"q": "Rests it?", "a": {"k_clip_1": "No"}}]})");
  folder.write("ach_mcq.json", R"({"7": {
      "k_clip_1": {"Question": "What?", "Choices": {"A": "moves", "B": "rests"}, "Correct Answer": "b"},
      "eXMF6Skt2To_clip_3": {"Question": "Which?", "Choices": {"A": "1", "B": "2", "C": "3"}, "Correct Answer": "A, C"},
      "k_clip_3": {"Question": "Which?", "Choices": {"A": "1", "B": "2"}, "Correct Answer": "E"}}})");
  folder.write("sth.json", R"({"v1": {"Scene change": "Yes", "Locations": "from a to b."},
                               "v2": {"Scene change": "Yes", "Locations": "from a to b"},
                               "v3": {"Scene change": "No", "Locations": "None"}})");
  folder.write("data/ACH/some folder/k_clip_1.mp4", "x");
}

TEST(VidHalluc, AQuestionOnSeveralClipsIsOneGroup) {
  const TempDir folder;
  write_vidhalluc(folder);
  Release release(folder.path());
  const Released released = benchmark_vidhalluc().read(release);
  EXPECT_EQ(released.questions.size(), 9U);
  const Question& first = with_id(released, "vidhalluc/bqa/7/0/k_clip_1");
  EXPECT_EQ(first.media.video, "data/ACH/some folder/k_clip_1.mp4") << "videos are found by name";
  EXPECT_EQ(first.item.group, "vidhalluc/bqa/7/0");
  EXPECT_EQ(first.item.role, "k_clip_1");
  EXPECT_EQ(first.item.rule, "all");
  EXPECT_EQ(first.item.text, "Yes");
  EXPECT_EQ(with_id(released, "vidhalluc/bqa/7/0/k_clip_2").item.group, first.item.group);
  EXPECT_NE(with_id(released, "vidhalluc/bqa/7/1/k_clip_1").item.group, first.item.group);
  EXPECT_THAT(release.missing_media(), testing::Contains("data/ACH_videos/k_clip_2.mp4"));
  EXPECT_EQ(release.missing_media().size(), 6U) << "each clip once";
}

TEST(VidHalluc, KeepsThePublishedLettersAndSentences) {
  const TempDir folder;
  write_vidhalluc(folder);
  const Released released = read(benchmark_vidhalluc(), folder);
  const Question& one = with_id(released, "vidhalluc/mcq/7/k_clip_1");
  EXPECT_EQ(one.format, "mcq_set");
  EXPECT_EQ(one.item.text, "b");
  EXPECT_THAT(one.item.keys, ElementsAre("B"));
  EXPECT_THAT(with_id(released, "vidhalluc/mcq/7/eXMF6Skt2To_clip_3").item.keys, ElementsAre("A", "C"));
  EXPECT_TRUE(with_id(released, "vidhalluc/mcq/7/k_clip_3").item.keys.empty());
  const Question& change = with_id(released, "vidhalluc/sth/v2");
  EXPECT_EQ(change.format, "scene_change");
  EXPECT_THAT(change.item.keys, ElementsAre("yes"));
  EXPECT_EQ(change.item.aux, (Json{{"locations", "from a to b"}}));
  EXPECT_THAT(with_id(released, "vidhalluc/sth/v3").item.keys, ElementsAre("no"));
  const std::map<std::string, int64_t> odd = {
      {"several_letters", 1}, {"answer_not_among_candidates", 1}, {"truth_without_full_stop", 1}};
  EXPECT_EQ(released.odd, odd);
  EXPECT_THAT(released.notes.front(), HasSubstr("eXMF6Skt2To_clip_3"));
  for (const Question& question : released.questions) {
    const Json row = rows::question_json(question);
    EXPECT_EQ(rows::question_json(rows::parse_question(row, "q.jsonl:1")), row);
  }
}

TEST(VidHalluc, RefusesWhatIsNotItsFile) {
  const TempDir empty, broken;
  EXPECT_THAT(fault(benchmark_vidhalluc(), empty), HasSubstr("holds no ach_binaryqa.json"));
  write_vidhalluc(broken);
  broken.write("ach_mcq.json", "[]");
  EXPECT_THAT(fault(benchmark_vidhalluc(), broken), HasSubstr("is no VidHalluc file"));
  write_vidhalluc(broken);
  broken.write("sth.json", R"({"v1": {"Scene change": "Perhaps"}})");
  EXPECT_THAT(fault(benchmark_vidhalluc(), broken), HasSubstr("'Perhaps' is neither Yes nor No"));
}

TEST(VidHalluc, IsAskedAsTheScriptsAskIt) {
  const Benchmark vidhalluc = benchmark_vidhalluc();
  const TempDir folder;
  write_vidhalluc(folder);
  Question scene = with_id(read(vidhalluc, folder), "vidhalluc/sth/v1");
  expect_golden(vidhalluc, "vidhalluc/sth", scene);
  Question yes_no;
  yes_no.item.task = "bqa";
  yes_no.question = golden_row("vidhalluc/bqa").at("question").get<std::string>();
  expect_golden(vidhalluc, "vidhalluc/bqa", yes_no);
  Question choice;
  choice.item.task = "mcq";
  const Json row = golden_row("vidhalluc/mcq");
  choice.question = row.at("question").get<std::string>();
  for (const auto& [key, text] : row.at("choices").items()) choice.options.push_back({key, text.get<std::string>()});
  expect_golden(vidhalluc, "vidhalluc/mcq", choice);
  EXPECT_THROW(vidhalluc.ask("lmms", choice), Error);
}

}  // namespace
}  // namespace rrpo::eval
