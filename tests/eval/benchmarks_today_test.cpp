// Video-MME-v2, EventHallusion and ELV-Halluc: what their publishers' files become, how they are asked, what a group counts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "../../src/eval/benchmarks/entries.h"
#include "../../src/eval/benchmarks/release.h"
#include "releases.h"
#include "rrpo/eval/score.h"
#include "rrpo/rows/group.h"
#include "rrpo/util/error.h"
#include "rrpo/util/table.h"
#include "support/temp_dir.h"

namespace rrpo::eval {
namespace {

using rows::Question;
using test::TempDir;
using test_release::hash;
using test_release::with_id;
using testing::ElementsAre;
using testing::HasSubstr;

Json golden(const std::string& file) { return read_json(test::source_file("tests/golden/" + file + ".json"), "test"); }

template <class Act>
std::string fault_of(Act act) {
  try {
    act();
  } catch (const Error& error) {
    return std::to_string(error.exit_code()) + " " + error.what();
  }
  return "";
}

std::string read_fault(const Benchmark& benchmark, const TempDir& folder) {
  return fault_of([&] {
    Release release(folder.path());
    benchmark.read(release);
  });
}

/// What was counted, as make_media.py foretells it.
Json counts_of(const Released& released, const Release& release) {
  Json counts = {{"questions", released.questions.size()}, {"tasks", Json::object()}, {"odd", released.odd}};
  std::set<std::string> videos;
  for (const Question& question : released.questions) {
    videos.insert(question.media.video);
    Json& task = counts["tasks"][question.item.task];
    task = task.is_null() ? 1 : task.get<int64_t>() + 1;
    const Json row = question_json(question);
    EXPECT_EQ(question_json(rows::parse_question(row, "q.jsonl:1")), row);
  }
  counts["videos"] = videos.size();
  counts["missing_media"] = release.missing_media();
  return counts;
}

TEST(Today, MadeReleasesAreReadAsForetold) {
  if (!test_release::has_tools()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  for (const char* name : {"videomme_v2", "eventhallusion", "elvhalluc"}) {
    SCOPED_TRACE(name);
    const test_release::Made made(name);
    ASSERT_TRUE(made.done());
    Release release(made.root());
    const Released released = find_row(benchmarks(), name)->read(release);
    const Json expected = made.expected();
    EXPECT_EQ(nlohmann::json(counts_of(released, release)), nlohmann::json(expected));
  }
}

Json mme_row(const std::string& video, int number, const Json& more = Json::object()) {
  Json row = {{"video_id", video},     {"question_id", video + "-" + std::to_string(number)},
              {"question", "What?"},   {"options", "A. One.\nB. Two.\nC.Three,\nor so.\nD. Four."},
              {"answer", "C"},         {"group_type", "logic"},
              {"level", number},       {"group_structure", "[1,[2,3],4]"},
              {"second_head", "None"}, {"third_head", nullptr}};
  row.update(more);
  return row;
}

std::string lines_of(const std::vector<Json>& rows) {
  std::string out;
  for (const Json& row : rows) out += row.dump() + "\n";
  return out;
}

std::vector<Json> mme_group(const std::string& video) {
  return {mme_row(video, 1), mme_row(video, 2), mme_row(video, 3), mme_row(video, 4)};
}

TEST(VideoMmeV2, AGroupCountsAsItsLastQuestionSays) {
  const TempDir folder;
  folder.write("test.jsonl", lines_of(mme_group("007")));
  Release release(folder.path());
  const Released read = benchmark_videomme_v2().read(release);
  const Question& first = with_id(read, "videomme_v2/videomme_v2/007-1");
  EXPECT_EQ(first.item.group, "videomme_v2/007");
  EXPECT_EQ(first.item.role, "1");
  EXPECT_EQ(first.item.rule, "logic");
  EXPECT_EQ(first.item.aux.at("group_structure"), "[1, [2, 3], 4]");
  EXPECT_EQ(first.item.axes, (Json{{"group_type", "logic"}, {"level", "4"}}));
  EXPECT_EQ(first.item.source.at("level"), "1") << "its own";
  EXPECT_EQ(first.options[2].text, "Three,\nor so.");
  EXPECT_THAT(first.item.keys, ElementsAre("C"));
  EXPECT_THAT(release.missing_media(), ElementsAre("video/007.mp4"));
}

TEST(VideoMmeV2, RefusesTheFirstVersionAndBrokenGroups) {
  const auto fault = [](const std::vector<Json>& rows) {
    const TempDir folder;
    folder.write("test.jsonl", lines_of(rows));
    return read_fault(benchmark_videomme_v2(), folder);
  };
  const Json v1 = {{"videoID", "a"}, {"question_id", "001-1"}, {"options", {"A. 1", "B. 2"}}, {"duration", "short"}};
  EXPECT_THAT(fault({v1}), HasSubstr("is Video-MME (four options, no groups), not Video-MME-v2"));
  std::vector<Json> rows = mme_group("001");
  EXPECT_THAT(fault({rows[0], rows[1]}), HasSubstr("test.jsonl[1]: ends a group of four questions too early"));
  EXPECT_THAT(fault({rows[0], rows[2], rows[1], rows[3]}), HasSubstr("test.jsonl[1]: is not question 2 of video 001"));
  rows[3]["group_structure"] = "[1, 2, [3, 4]]";
  EXPECT_THAT(fault(rows), HasSubstr("'group_structure' is none of the three"));
  rows[3]["group_type"] = "luck";
  EXPECT_THAT(fault(rows), HasSubstr("'group_type' is neither relevance nor logic"));
  const TempDir parquet, first, second;
  parquet.write("test.parquet", "PAR1");
  EXPECT_THAT(read_fault(benchmark_videomme_v2(), parquet), HasSubstr("scripts/parquet_to_jsonl.py"));
  first.write("videomme/test-00000-of-00001.jsonl", lines_of({v1}));
  EXPECT_THAT(read_fault(benchmark_videomme_v2(), first), HasSubstr("is Video-MME, not Video-MME-v2"));
  second.write("test.jsonl", lines_of(mme_group("001")));
  EXPECT_THAT(read_fault(benchmark_videomme(), second), HasSubstr("is Video-MME-v2 (eight options, questions in groups)"));
}

TEST(EventHallusion, ReadsLengthsAndSaysThatAPartHasOneAnswer) {
  const TempDir folder;
  const auto video = [](const std::string& id, const Json& length, const char* answer) {
    return Json{
        {"id", id}, {"length", length}, {"category", "gym"}, {"questions", {{{"question", "Is it?"}, {"answer", answer}}}}};
  };
  folder.write("questions/entire_questions.json",
               Json{video("entire_1", 9, "No."), video("entire_2", "01:05 ", "No.")}.dump());
  folder.write("questions/interleave_questions.json", Json{video("interleave_1", "", "Yes.")}.dump());
  folder.write("questions/misleading_questions.json", Json{video("misleading_1", "00:10", "No")}.dump());
  EXPECT_THAT(read_fault(benchmark_eventhallusion(), folder), HasSubstr("'answer' is neither 'Yes.' nor 'No.'"));
  folder.write("questions/misleading_questions.json", Json{video("misleading_1", "00:10", "No.")}.dump());
  folder.write("unpacked/entire/entire_2.mp4", "x");
  Release release(folder.path());
  const Released read = benchmark_eventhallusion().read(release);
  EXPECT_EQ(with_id(read, "eventhallusion/entire/entire_1/0").item.duration_s, 9.0);
  const Question& second = with_id(read, "eventhallusion/entire/entire_2/0");
  EXPECT_EQ(second.item.duration_s, 65.0);
  EXPECT_EQ(second.media.video, "unpacked/entire/entire_2.mp4");
  EXPECT_EQ(second.item.text, "No.");
  EXPECT_THAT(second.item.keys, ElementsAre("no"));
  EXPECT_EQ(read.odd.at("missing_length"), 1);
  EXPECT_THAT(read.notes, testing::Contains("every answer of interleave is yes"));
  EXPECT_THAT(read.notes, testing::Contains(HasSubstr("left out: the descriptions of 4 videos")));
}

Json elv_row(const char* type, const char* answer) {
  return {{"clip", "/x/a.mp4"},   {"asked", "Is the following caption totally correct?\nIt moves."},
          {"aspect", "action"},   {"part_nums", 3},
          {"ref_answer", answer}, {"caption_type", type}};
}

TEST(ElvHalluc, FindsItsColumnsByWhatTheyHold) {
  const std::vector<Json> rows = {elv_row("ground_truth", "Yes"), elv_row("in_video", "No"), elv_row("out_video", "No")};
  const auto fault = [](const std::vector<Json>& rows) {
    const TempDir folder;
    folder.write("data/ELV_Halluc.jsonl", lines_of(rows));
    return read_fault(benchmark_elvhalluc(), folder);
  };
  const TempDir folder;
  folder.write("data/ELV_Halluc.jsonl", lines_of(rows));
  Release release(folder.path());
  const Released read = benchmark_elvhalluc().read(release);
  const Question& lie = with_id(read, "elvhalluc/0/in_video");
  EXPECT_EQ(lie.item.rule, "pairs");
  EXPECT_EQ(lie.question, "Is the following caption totally correct?\nIt moves.");
  EXPECT_EQ(lie.media.video, "videos/a.mp4");
  EXPECT_EQ(lie.item.axes, (Json{{"aspect", "action"}, {"part_nums", "3"}}));
  EXPECT_THAT(fault({rows[0], rows[1], rows[1]}), HasSubstr("is a second in_video of its three"));
  EXPECT_THAT(fault({rows[0], rows[1]}), HasSubstr("ends a group of three captions too early"));
  Json bare = rows[0];
  bare.erase("clip");
  EXPECT_THAT(fault({bare, rows[1], rows[2]}), HasSubstr("the name of a video; its columns: asked, aspect"));
}

TEST(Today, IsAskedAsTheScriptsAskIt) {
  const Json prompts = golden("prompts");
  const TempDir folder;
  std::vector<Json> rows = mme_group("001");
  rows[0]["question"] = prompts["videomme_v2"]["row"]["question"];
  rows[0]["options"] = prompts["videomme_v2"]["row"]["options"];
  folder.write("test.jsonl", lines_of(rows));
  Release release(folder.path());
  const Question choice = benchmark_videomme_v2().read(release).questions.front();
  for (const char* profile : {"rrpo-llava", "lmms"})
    EXPECT_EQ(hash(asking_of(profile, choice)), prompts["videomme_v2"]["sha256"][profile]) << profile;
  Question event;
  event.item.benchmark = "eventhallusion";
  event.question = prompts["eventhallusion"]["row"]["question"];
  EXPECT_EQ(hash(asking_of("rrpo-llava", event)), prompts["eventhallusion"]["sha256"]["rrpo-llava"]);
  Question caption;
  caption.item.benchmark = "elvhalluc";
  caption.question = "Is it?";
  EXPECT_EQ(asking_of("rrpo-llava", caption).text, "Is it?");
  for (const Question* one : {&event, &caption})
    EXPECT_THAT(fault_of([&] { asking_of("lmms", *one); }), HasSubstr("lmms-eval has no task"));
  for (const char* profile : {"rrpo-videochat2", "rrpo-longvu"}) {
    for (const Question* one : {&choice, static_cast<const Question*>(&event), static_cast<const Question*>(&caption)})
      EXPECT_THAT(fault_of([&] { asking_of(profile, *one); }), HasSubstr("2 config: eval.profile: no script for"));
  }
}

}  // namespace
}  // namespace rrpo::eval
