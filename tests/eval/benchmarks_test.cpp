// TVBench, MVBench, MLVU and LongVideoBench: what their readers make of a publisher's folder, and how they are asked.
#include "releases.h"
#include "rrpo/eval/benchmark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "../../src/eval/benchmarks/release.h"
#include "rrpo/io/sha256.h"
#include "support/parity.h"
#include "support/temp_dir.h"

namespace rrpo::eval {
namespace {

using rows::Question;
using test_release::has_tools;
using test_release::Made;
using test_release::with_id;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

const std::vector<std::string> kOurs = {"tvbench", "mvbench", "mlvu", "longvideobench"};

const Benchmark& benchmark_named(const std::string& name) {
  const auto same = [&](const Benchmark& benchmark) { return benchmark.name == name; };
  return *std::find_if(benchmarks().begin(), benchmarks().end(), same);
}

std::string media_of(const Question& question) {
  return question.media.folder ? question.media.folder->path : question.media.video;
}

std::string fault_of(const std::string& name, const std::filesystem::path& root) {
  Release release(root);
  try {
    benchmark_named(name).read(release);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    return error.what();
  }
  return "";
}

/// What was counted, as make_media.py foretells it.
Json counts_of(const Released& released, const Release& release) {
  Json counts = {{"questions", released.questions.size()}, {"videos", 0}, {"tasks", Json::object()}, {"odd", released.odd}};
  std::set<std::string> media;
  for (const Question& question : released.questions) {
    media.insert(media_of(question));
    Json& task = counts["tasks"][question.item.task];
    task = task.is_null() ? 1 : task.get<int64_t>() + 1;
  }
  counts["videos"] = media.size();
  std::vector<std::string> missing = release.missing_media();
  std::sort(missing.begin(), missing.end());
  counts["missing_media"] = missing;
  return counts;
}

/// Rows can be written and read again, and their pictures are there.
void expect_sound(const Released& released, const Release& release) {
  std::set<std::string> ids;
  for (const Question& question : released.questions) {
    EXPECT_TRUE(ids.insert(question.id).second) << question.id;
    const Json written = question_json(question);
    EXPECT_EQ(question_json(rows::parse_question(written, "row")), written);
    const bool is_there = std::filesystem::exists(release.root() / media_of(question));
    const auto& missing = release.missing_media();
    EXPECT_NE(is_there, std::find(missing.begin(), missing.end(), media_of(question)) != missing.end()) << question.id;
  }
}

TEST(Benchmarks, MadeReleasesAreReadAsForetold) {
  if (!has_tools()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  for (const std::string& name : kOurs) {
    SCOPED_TRACE(name);
    const Made made(name);
    ASSERT_TRUE(made.done());
    Release release(made.root());
    const Released released = benchmark_named(name).read(release);
    Json expected = made.expected();
    // The order of tasks is the reader's own.
    Json counts = counts_of(released, release);
    for (Json* one : {&expected, &counts}) (*one)["tasks"] = nlohmann::json((*one)["tasks"]);
    EXPECT_EQ(nlohmann::json(counts), nlohmann::json(expected));
    expect_sound(released, release);
    EXPECT_FALSE(release.files().empty());
  }
}

TEST(Benchmarks, TvbenchFindsItsClips) {
  if (!has_tools()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  const Made made("tvbench");
  Release release(made.root());
  const Released read = benchmark_named("tvbench").read(release);
  EXPECT_EQ(with_id(read, "tvbench/moving_direction/1").media.video, "video/moving_direction/part2/video_10002.mp4");
  EXPECT_EQ(with_id(read, "tvbench/moving_direction/1").item.source.at("question_id"), "md_1");
  // A recording that was converted, one of the same name in another task, and one in a folder of its own.
  EXPECT_THAT(with_id(read, "tvbench/action_antonym/2").media.video, testing::EndsWith("A003_rgb.mp4"));
  EXPECT_EQ(with_id(read, "tvbench/object_count/1").media.video, "video/object_count/shared.mp4");
  EXPECT_EQ(with_id(read, "tvbench/egocentric_sequence/0").media.video, "video/egocentric_sequence/P01/P01_01.mp4");
  const Question& part = with_id(read, "tvbench/action_sequence/1");
  EXPECT_EQ(part.media.start_s, 1.0);
  EXPECT_EQ(part.media.end_s, 2.0);
  EXPECT_EQ(with_id(read, "tvbench/action_localization/0").media.start_s, 0.0);  // published as -0.1
  EXPECT_FALSE(with_id(read, "tvbench/action_count/0").media.start_s);
  EXPECT_THAT(with_id(read, "tvbench/unexpected_action/0").item.keys, ElementsAre("A", "C"));
  EXPECT_THAT(read.notes, Contains(HasSubstr("NTU RGB+D")));
  EXPECT_THAT(read.notes, Contains(HasSubstr("neither the first release (2654) nor the revised one (2525)")));
}

TEST(Benchmarks, MvbenchKnowsItsFoldersAndPictures) {
  if (!has_tools()) GTEST_SKIP() << "ffmpeg or python3 is missing";
  const Made made("mvbench");
  Release release(made.root());
  const Released read = benchmark_named("mvbench").read(release);
  const Question& pictures = with_id(read, "mvbench/episodic_reasoning/1");
  EXPECT_EQ(pictures.media.folder,
            (rows::PictureFolder{"video/tvqa/frames_fps3_hq/s08e07_seg01_clip_00", "%05d.jpg", 3, 1}));
  EXPECT_EQ(pictures.media.start_s, 1.3);
  EXPECT_EQ(with_id(read, "mvbench/action_sequence/0").media.video, "video/data0613/star/Charades_v1_480/AJTDO.mp4");
  EXPECT_EQ(with_id(read, "mvbench/fine_grained_action/0").media.video,
            "video/Moments_in_Time_Raw/videos/validation/adult+female+speaking/giphy-1.mp4");
  // perception/videos has another video_3.mp4.
  EXPECT_EQ(with_id(read, "mvbench/moving_count/0").media.video, "video/clevrer/video_validation/video_3.mp4");
  EXPECT_THAT(with_id(read, "mvbench/counterfactual_inference/1").item.keys, ElementsAre("A"));
}

/// Annotations of one row a task, and empty files in place of clips.
class Layout {
 public:
  void rows(const std::string& file, const Json& row) const { folder_.write(file, Json::array({row}).dump()); }
  void file(const std::string& name, const std::string& text = "") const { folder_.write(name, text); }
  const std::filesystem::path& root() const { return folder_.path(); }

 private:
  test::TempDir folder_;
};

Json choice(const std::string& video) {
  return {{"video", video}, {"question", "What?"}, {"candidates", {"x", "y"}}, {"answer", "y"}, {"start", 1}, {"end", 2}};
}

const std::vector<std::string> kMvbench = {
    "action_sequence",   "action_prediction",  "action_antonym",        "fine_grained_action", "unexpected_action",
    "object_existence",  "object_interaction", "object_shuffle",        "moving_direction",    "action_localization",
    "scene_transition",  "action_count",       "moving_count",          "moving_attribute",    "state_change",
    "fine_grained_pose", "character_order",    "egocentric_navigation", "episodic_reasoning",  "counterfactual_inference"};

/// The branch `video`: folders at the root, clips that are cut already, other endings.
TEST(Benchmarks, MvbenchReadsTheBranchOfVideos) {
  const Layout layout;
  for (const std::string& task : kMvbench) layout.rows("text/" + task + ".json", choice(task + "_1.mp4"));
  layout.rows("text/episodic_reasoning.json", choice("castle_clip_14"));
  layout.rows("text/action_antonym.json", choice("7.webm"));
  layout.rows("text/fine_grained_pose.json", choice("S1_rgb.avi"));
  for (const char* clip : {"tvqa/video_fps3_hq_segment/castle_clip_14.mp4", "ssv2_video_mp4/7.mp4",
                           "nturgbd_convert/S1_rgb.mp4", "star/Charades_segment/action_sequence_1.mp4"})
    layout.file(clip);
  Release release(layout.root());
  const Released read = benchmark_named("mvbench").read(release);
  EXPECT_EQ(with_id(read, "mvbench/episodic_reasoning/0").media.video, "tvqa/video_fps3_hq_segment/castle_clip_14.mp4");
  EXPECT_FALSE(with_id(read, "mvbench/episodic_reasoning/0").media.folder);
  EXPECT_EQ(with_id(read, "mvbench/action_antonym/0").media.video, "ssv2_video_mp4/7.mp4");
  EXPECT_EQ(with_id(read, "mvbench/fine_grained_pose/0").media.video, "nturgbd_convert/S1_rgb.mp4");
  EXPECT_FALSE(with_id(read, "mvbench/action_sequence/0").media.start_s);
  EXPECT_EQ(with_id(read, "mvbench/action_prediction/0").media.start_s, 1.0);  // its clip is not there
  EXPECT_EQ(read.odd.at("cut_already"), 2);
  EXPECT_EQ(release.missing_media().size(), 16u);
}

TEST(Benchmarks, MlvuReadsItsRepository) {
  const Layout layout;
  for (const char* task :
       {"1_plotQA", "2_needle", "3_ego", "4_count", "5_order", "6_anomaly_reco", "7_topic_reasoning", "8_sub_scene"})
    layout.rows("data/" + std::string(task) + ".json", choice("v.mp4"));
  Json needle = choice("v.mp4");
  needle["answer"] = "z";
  needle["duration"] = 246;
  layout.rows("data/2_needle.json", needle);
  Release release(layout.root());
  const Released read = benchmark_named("mlvu").read(release);
  ASSERT_EQ(read.questions.size(), 7u);
  const Question& odd = with_id(read, "mlvu/2_needle/0");
  EXPECT_TRUE(odd.item.keys.empty());
  EXPECT_EQ(odd.item.text, "z");
  EXPECT_EQ(odd.item.duration_s, 246.0);
  EXPECT_EQ(read.odd.at("answer_not_among_candidates"), 1);
  EXPECT_EQ(release.missing_media().front(), "video/1_plotQA/v.mp4");
  EXPECT_THAT(read.notes, Contains(HasSubstr("8_sub_scene: 1 questions")));
  EXPECT_FALSE(release.files().contains("data/8_sub_scene.json"));  // not what was converted
}

Json cue_row(const std::string& id, const Json& choice) {
  return {{"id", id},
          {"video_id", id},
          {"question", "What?"},
          {"option0", "x"},
          {"option1", "y"},
          {"option2", "N/A"},
          {"option3", "N/A"},
          {"option4", "N/A"},
          {"correct_choice", choice},
          {"video_path", id + ".mp4"},
          {"subtitle_path", id + "_en.json"},
          {"duration_group", 15},
          {"starting_timestamp_for_subtitles", 2.5},
          {"duration", 9.5},
          {"question_category", "S2E"}};
}

TEST(Benchmarks, LongvideobenchReadsItsTable) {
  const Layout layout;
  layout.file("data/validation-00000-of-00001.jsonl",
              cue_row("a", 1).dump() + "\n" + cue_row("b", nullptr).dump() + "\n" + cue_row("-c", -1).dump() + "\n");
  layout.file("data/test-00000-of-00001.jsonl", cue_row("d", nullptr).dump() + "\n");
  layout.file("videos/a.mp4");
  layout.file("subtitles/a_en.json", "[]");
  Release release(layout.root());
  const Released read = benchmark_named("longvideobench").read(release);
  ASSERT_EQ(read.questions.size(), 1u);
  const Question& question = read.questions.front();
  EXPECT_EQ(question.id, "longvideobench/val/a");
  EXPECT_EQ(question.options.size(), 2u);
  EXPECT_THAT(question.item.keys, ElementsAre("B"));
  EXPECT_EQ(question.item.text, "y");
  EXPECT_EQ(question.item.subtitles, (rows::Subtitles{"lvb_json", "subtitles/a_en.json", 2.5}));
  EXPECT_EQ(question.item.axes, (Json{{"duration_group", "15"}, {"question_category", "S2E"}}));
  EXPECT_EQ(question.item.duration_s, 9.5);
  EXPECT_THAT(read.notes, Contains(HasSubstr("2 rows without correct_choice")));
  EXPECT_THAT(read.notes, Contains(HasSubstr("test-00000-of-00001.jsonl: 1 questions")));
}

TEST(Benchmarks, TheTablesOfLongvideobenchMustBeConverted) {
  const Layout layout;
  layout.file("validation-00000-of-00001.parquet");
  EXPECT_THAT(fault_of("longvideobench", layout.root()), HasSubstr("parquet_to_jsonl.py"));
}

TEST(Benchmarks, AnotherBenchmarksFolderIsRefused) {
  const Layout tvbench, mvbench, mlvu_test;
  for (const char* task : {"action_sequence", "object_count", "egocentric_sequence"})
    tvbench.rows("json/" + std::string(task) + ".json", choice("v.mp4"));
  for (const std::string& task : kMvbench) mvbench.rows("json/" + task + ".json", choice("v.mp4"));
  mlvu_test.rows("test_multi_choice_tasks.json", choice("v.mp4"));
  EXPECT_THAT(fault_of("mvbench", tvbench.root()), HasSubstr(": is TVBench, not MVBench"));
  EXPECT_THAT(fault_of("tvbench", mvbench.root()), HasSubstr(": is MVBench, not TVBench"));
  EXPECT_THAT(fault_of("longvideobench", mvbench.root()), HasSubstr(": is MVBench, not LongVideoBench"));
  EXPECT_THAT(fault_of("mlvu", mlvu_test.root()), HasSubstr(": is MLVU-Test"));
  EXPECT_THAT(fault_of("mlvu", Layout().root()), HasSubstr("holds no json/1_plotQA.json"));
  EXPECT_THAT(fault_of("tvbench", tvbench.root()), HasSubstr("holds no json/action_count.json"));
}

TEST(Benchmarks, ABadRowIsNamed) {
  const auto fault = [](const char* key, const Json& value) {
    const Layout layout;
    for (const std::string& task : kMvbench) layout.rows("json/" + task + ".json", choice("v.mp4"));
    Json bad = choice("v.mp4");
    bad[key] = value;
    layout.file("json/action_prediction.json", Json::array({choice("v.mp4"), bad}).dump());
    return fault_of("mvbench", layout.root());
  };
  EXPECT_THAT(fault("question", false), HasSubstr("json/action_prediction.json[1]: 'question' is no text"));
  EXPECT_THAT(fault("video", nullptr), HasSubstr("[1]: has no text 'video'"));
  EXPECT_THAT(fault("candidates", Json::array()), HasSubstr("[1]: has no candidates"));
  EXPECT_THAT(fault("candidates", {"x", nullptr}), HasSubstr("[1]: 'candidates' holds something that is no text"));
  EXPECT_THAT(fault("answer", nullptr), HasSubstr("[1]: has no 'answer'"));
  EXPECT_THAT(fault("start", "1"), HasSubstr("[1]: 'start' is no number"));
  EXPECT_EQ(fault("start", 3), "");  // an empty part is odd, not bad
}

/// The row of a golden prompt as the reader would make it.
Question golden_question(const std::string& name, const Json& row) {
  Question question;
  question.format = "mcq";
  question.question = row.at("question");
  question.item.benchmark = name;
  char key = 'A';
  for (const Json& text : row.at("candidates")) question.options.push_back({std::string(1, key++), text});
  return question;
}

/// scripts/oracles/prompts.py has run the original scripts.
TEST(Benchmarks, QuestionsAreAskedAsTheOriginalScriptsDo) {
  const Json golden = read_json(test::source_file("tests/golden/prompts.json"), "test");
  for (const std::string& name : kOurs) {
    const Question question = golden_question(name, golden.at(name).at("row"));
    ASSERT_EQ(golden.at(name).at("sha256").size(), profiles().size());
    for (const std::string& profile : profiles()) {
      const Asking asking = asking_of(profile, question);
      const std::string whole = asking.system + '\0' + asking.text + '\0' + asking.answer_prefix;
      test::expect_same({"prompts of benchmarks", profile == "lmms" ? "lmms-eval 75571cf" : "pritamqu/RRPO a905573",
                         "text of " + name + " under " + profile},
                        io::sha256(whole) == golden.at(name).at("sha256").at(profile), whole);
    }
  }
}

TEST(Benchmarks, AQuestionOfNoneIsAskedAsItStands) {
  Question question;
  question.question = "Is it red?";
  EXPECT_EQ(asking_of("rrpo-llava", question).text, "Is it red?");
  EXPECT_EQ(asking_of("rrpo-videochat2", question).system, "");
  try {
    asking_of("llava", question);
    FAIL() << "a profile that is not there";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_THAT(error.what(), HasSubstr("eval.profile: no profile is named 'llava'"));
  }
}

TEST(Benchmarks, TheTableIsWhole) {
  EXPECT_EQ(benchmarks().size(), 11u);
  const std::set<std::string> today = {"videomme_v2", "eventhallusion", "elvhalluc"};
  for (const Benchmark& benchmark : benchmarks()) {
    SCOPED_TRACE(benchmark.name);
    for (const std::string* text : {&benchmark.title, &benchmark.size, &benchmark.source, &benchmark.licence,
                                    &benchmark.weighting, &benchmark.sampling})
      EXPECT_FALSE(text->empty());
    EXPECT_FALSE(benchmark.layout.empty());
    EXPECT_FALSE(benchmark.scorers.empty());
    EXPECT_EQ(benchmark.published.size(), today.contains(benchmark.name) ? 3u : 10u);  // the paper's table has ten rows
    EXPECT_TRUE(benchmark.read != nullptr && benchmark.ask != nullptr);
  }
  EXPECT_EQ(benchmark_named("mlvu").published[6].value, 69.4);  // LLaVA-Video + RRPO (32f)
}

}  // namespace
}  // namespace rrpo::eval
