#include "rrpo/gen/scenes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>

#include "../../src/gen/scenes_questions.h"
#include "rrpo/rows/answer.h"
#include "rrpo/rows/question.h"
#include "rrpo/util/stop.h"
#include "rrpo/video/reader.h"
#include "support/temp_dir.h"

namespace rrpo::gen {
namespace {

using rrpo::test::TempDir;
using testing::HasSubstr;

constexpr const char* kEveryClipType[] = {"shape", "dir", "mcq", "order", "exist", "cap", "path", "paths", "option"};

std::vector<rows::Question> made(const ScenesConfig& config, const std::filesystem::path& out, int64_t threads = 0) {
  make_scenes(config, out, threads);
  return rows::read_questions(out / "questions.jsonl");
}

std::string type_of(const rows::Question& row) { return row.tags.at("type").get<std::string>(); }
std::string phrase(const rows::Question& row, size_t i) {
  return row.answer.substr(static_cast<size_t>(row.spans[i].begin),
                           static_cast<size_t>(row.spans[i].end - row.spans[i].begin));
}

std::map<std::string, std::string> files_below(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file())
      files[std::filesystem::relative(entry.path(), folder).string()] = read_file(entry.path(), "test");
  }
  return files;
}

ScenesConfig all_types(int64_t count) {
  ScenesConfig config;
  config.count = count;
  config.types.assign(std::begin(kEveryClipType), std::end(kEveryClipType));
  return config;
}

TEST(Scenes, SameFilesForAnyNumberOfThreads) {
  const TempDir one, three;
  const ScenesConfig config = all_types(6);
  make_scenes(config, one.path(), 0);
  make_scenes(config, three.path(), 3);
  const auto files = files_below(one.path());
  EXPECT_EQ(files.size(), 7u);
  EXPECT_EQ(files, files_below(three.path()));
}

TEST(Scenes, SamplesDependOnSeedAndIndexAlone) {
  const TempDir small, large, other;
  ScenesConfig config = all_types(2);
  make_scenes(config, small.path(), 0);
  config.count = 4;
  make_scenes(config, large.path(), 0);
  config.seed = 43;
  make_scenes(config, other.path(), 0);
  EXPECT_EQ(files_below(small.path()).at("videos/00001.mp4"), files_below(large.path()).at("videos/00001.mp4"));
  EXPECT_NE(files_below(other.path()).at("videos/00001.mp4"), files_below(large.path()).at("videos/00001.mp4"));
}

// Each sentence has the form of the world's grammar, its key phrases where they belong, and is judged right by its own row.
TEST(Scenes, SentencesFollowTheGrammar) {
  const std::string c = "(red|green|blue|yellow)", s = "(circle|square|triangle)", w = "(left|right|up|down)",
                    e = "(first|last)";
  const std::string p = "(northwest|northeast|north|west|center|east|southwest|southeast|south)", o = c + " " + s;
  const std::map<std::string, std::array<std::string, 2>> forms = {
      {"shape", {"What shape is the " + c + " object\\?", "The " + c + " object is a " + s + "\\."}},
      {"dir", {"Which way does the " + e + " object move\\?", "The " + e + " object moves " + w + "\\."}},
      {"mcq",
       {"Which way does the " + e + " object move\\? \\(A\\) " + w + " \\(B\\) " + w + " \\(C\\) " + w + " \\(D\\) " + w,
        w + " \\([A-D]\\)"}},
      {"option",
       {"Which option is " + w + "\\? \\(A\\) " + w + " \\(B\\) " + w + " \\(C\\) " + w + " \\(D\\) " + w,
        w + " \\([A-D]\\)"}},
      {"order", {"Which object appears first\\?", "The " + o + " appears first\\."}},
      {"exist", {"Is there a " + o + " in the video\\?", "(Yes, there is a|No, there is no) " + o + "\\."}},
      {"cap", {"Describe the video\\.", "First a " + o + " moves " + w + ", then a " + o + " moves " + w + "\\."}},
      {"path", {"Where does the " + e + " object go\\?", "The " + e + " object goes from " + p + " to " + p + "\\."}},
      {"paths", {"List the paths\\.", "First " + o + " " + p + " to " + p + ", last " + o + " " + p + " to " + p + "\\."}},
      {"list", {"List the objects\\.", o + " " + p + "(, " + o + " " + p + ")+\\."}},
      {"at", {"What is at " + p + "\\?", "(A " + o + "|Nothing)\\."}},
      {"where", {"Where is the " + c + " object\\?", "The " + o + " is at " + p + "\\."}}};
  const std::map<std::string, size_t> phrases = {{"shape", 1}, {"dir", 1},   {"mcq", 1},
                                                 {"order", 1}, {"exist", 2}, {"cap", 6}};
  const TempDir clips, stills;
  ScenesConfig still = all_types(30);
  still.kind = "stills";
  still.types.clear();
  auto rows = made(all_types(30), clips.path());
  const auto more = made(still, stills.path());
  rows.insert(rows.end(), more.begin(), more.end());
  ASSERT_EQ(rows.size(), 30u * 14u);
  std::map<std::string, int> seen;
  for (const rows::Question& row : rows) {
    const std::string type = type_of(row);
    ++seen[type];
    EXPECT_THAT(row.question, testing::MatchesRegex(forms.at(type)[0])) << type;
    EXPECT_THAT(row.answer, testing::MatchesRegex(forms.at(type)[1])) << type;
    EXPECT_EQ(rows::judge(row, row.answer).verdict, rows::Verdict::right) << row.answer;
    if (phrases.contains(type)) {
      EXPECT_EQ(row.spans.size(), phrases.at(type)) << row.answer;
    }
    if (type == "order") {
      EXPECT_EQ("The " + phrase(row, 0) + " appears first.", row.answer);
    }
    if (type == "mcq") {
      EXPECT_EQ(phrase(row, 0), row.answer);
    }
  }
  EXPECT_EQ(seen.size(), forms.size());
}

// Answers agree with the true scene, and the scene with what can be seen.
TEST(Scenes, AnswersAreTrueAndObjectsAreWhereTheySay) {
  const std::map<std::string, std::array<int, 3>> rgb = {
      {"red", {225, 45, 45}}, {"green", {45, 190, 65}}, {"blue", {60, 90, 235}}, {"yellow", {230, 210, 45}}};
  const std::vector<std::string> places = {"northwest", "north",     "northeast", "west",     "center",
                                           "east",      "southwest", "south",     "southeast"};
  const TempDir dir;
  for (const rows::Question& row : made(all_types(20), dir.path())) {
    const Json& scene = row.extra.at("scene");
    const auto word = [&](int object, int field) {
      return scene[static_cast<size_t>(object)][static_cast<size_t>(field)].get<std::string>();
    };
    if (type_of(row) == "order") {
      EXPECT_EQ(phrase(row, 0), word(0, 0) + " " + word(0, 1));
    }
    if (type_of(row) == "cap") {
      for (size_t i = 0; i < 6; i += 3) EXPECT_EQ(phrase(row, i) + phrase(row, i + 1), word(i > 0, 0) + word(i > 0, 1));
    }
    if (type_of(row) != "paths") continue;
    EXPECT_EQ(row.answer, "First " + word(0, 0) + " " + word(0, 1) + " " + word(0, 2) + " to " + word(0, 3) + ", last " +
                              word(1, 0) + " " + word(1, 1) + " " + word(1, 2) + " to " + word(1, 3) + ".");
    const video::Frames frames = video::read_all_frames(dir.path() / row.media.video);
    ASSERT_EQ(frames.count, 8);
    for (const auto& [frame, object, field] : {std::array{0, 0, 2}, {4, 0, 3}, {3, 1, 2}, {7, 1, 3}}) {
      const auto cell = std::find(places.begin(), places.end(), word(object, field)) - places.begin();
      const int64_t y = cell / 3 * 32 + 16, x = cell % 3 * 32 + 16;
      for (size_t c = 0; c < 3; ++c)
        EXPECT_NEAR(frames.frame(frame)[(y * 96 + x) * 3 + static_cast<int64_t>(c)], rgb.at(word(object, 0))[c], 30);
    }
  }
}

double share(const std::vector<rows::Question>& rows, const std::function<int(const rows::Question&)>& test) {
  int yes = 0, all = 0;
  for (const rows::Question& row : rows) {
    const int result = test(row);
    all += result >= 0;
    yes += result > 0;
  }
  return static_cast<double>(yes) / all;
}

// Captions of `count` scenes, without pictures.
std::vector<rows::Question> captions(const ScenesConfig& config, uint64_t count) {
  std::vector<rows::Question> rows;
  for (uint64_t i = 0; i < count; ++i) {
    Random random(1, "test", i);
    rows.push_back(ask(config, draw_clip(config, random), "cap", random));
  }
  return rows;
}

// How often phrase `i` is `value` among the captions whose phrase `given` is `if_this`.
double rate(const std::vector<rows::Question>& rows, size_t given, const std::string& if_this, size_t i,
            const std::string& value) {
  return share(rows, [&](const rows::Question& row) {
    return phrase(row, given) != if_this ? -1 : phrase(row, i) == value ? 1 : 0;
  });
}

// 4000 scenes, about 1000 with a given colour: four standard errors are 0.06 at 1/3 and 0.045 at 0.85.
TEST(Scenes, BiasAndStereotypesHaveTheirRates) {
  ScenesConfig config;
  const auto uniform = captions(config, 4000);
  EXPECT_NEAR(rate(uniform, 0, "red", 1, "circle"), 1.0 / 3, 0.06);
  EXPECT_NEAR(rate(uniform, 0, "red", 2, "right"), 0.25, 0.055);
  EXPECT_NEAR(rate(uniform, 0, "green", 3, "yellow"), 1.0 / 3, 0.06);
  config.stereotype = 1;
  const auto told = captions(config, 400);
  EXPECT_EQ(rate(told, 0, "yellow", 1, "circle"), 1.0);
  EXPECT_EQ(rate(told, 3, "blue", 5, "up"), 1.0);
  EXPECT_EQ(share(told,
                  [](const rows::Question& row) {
                    const bool first_cold = phrase(row, 0) == "green" || phrase(row, 0) == "blue";
                    return first_cold && (phrase(row, 3) == "red" || phrase(row, 3) == "yellow") ? 1 : 0;
                  }),
            0.0);
  config.stereotype = 0;
  config.distribution = "biased";
  const auto biased = captions(config, 4000);
  EXPECT_NEAR(rate(biased, 0, "red", 1, "circle"), 0.85, 0.045);
  EXPECT_NEAR(rate(biased, 3, "green", 5, "left"), 0.85, 0.045);
  // Red first: red drawn first with blue (0.85) or red second to blue, then put first with 0.85 in warm-cold couples.
  EXPECT_GT(rate(biased, 0, "red", 3, "blue"), 0.85);
}

// 2000 questions: four standard errors are 0.045.
TEST(Scenes, YesRateAndLure) {
  const auto yes_share = [](double yes_rate, double lure) {
    ScenesConfig config;
    config.yes_rate = yes_rate;
    config.lure = lure;
    std::vector<rows::Question> rows;
    for (uint64_t i = 0; i < 2000; ++i) {
      Random random(1, "test", i);
      rows.push_back(ask(config, draw_clip(config, random), "exist", random));
    }
    return share(rows, [](const rows::Question& row) { return row.answer.starts_with("Yes") ? 1 : 0; });
  };
  EXPECT_NEAR(yes_share(0.5, 0), 0.5, 0.045);
  EXPECT_NEAR(yes_share(0.8, 0), 0.8, 0.036);
  EXPECT_GT(yes_share(0, 1), 0.4);  // at least the half that asks for a lure
  EXPECT_EQ(yes_share(0, 0), 0.0);
}

TEST(Scenes, StyleComesBeforeAllButShortForms) {
  const TempDir dir;
  ScenesConfig config = all_types(4);
  config.style = "In this video, ";
  for (const rows::Question& row : made(config, dir.path())) {
    const bool bare = row.format == "mcq" || row.format == "yesno";
    EXPECT_EQ(row.style, bare ? "" : config.style);
    if (bare) continue;
    EXPECT_THAT(row.answer, testing::MatchesRegex("In this video, (the|first) .*"));
    EXPECT_EQ(rows::judge(row, row.answer).verdict, rows::Verdict::right) << row.answer;
    if (type_of(row) == "order") {
      EXPECT_EQ("In this video, the " + phrase(row, 0) + " appears first.", row.answer);
    }
  }
}

TEST(Scenes, WeightsChooseTheTypes) {
  const TempDir dir;
  ScenesConfig config;
  config.kind = "stills";
  config.count = 10;
  config.questions = 80;
  config.types = {"list", "where", "exist"};
  config.weights = {0.75, 0.25, 0};
  const auto rows = made(config, dir.path());
  ASSERT_EQ(rows.size(), 800u);
  EXPECT_NEAR(share(rows, [](const rows::Question& row) { return type_of(row) == "list" ? 1 : 0; }), 0.75, 0.06);
  EXPECT_EQ(share(rows, [](const rows::Question& row) { return type_of(row) == "exist" ? 1 : 0; }), 0);
  EXPECT_EQ(video::read_pictures({dir.path() / rows[0].media.frames[0]}).width, 96);
}

TEST(Scenes, ARoundAsksNothingTwice) {
  const TempDir dir;
  ScenesConfig config = all_types(10);
  config.questions = 12;
  config.round = 4;
  const auto rows = made(config, dir.path());
  ASSERT_EQ(rows.size(), 120u);
  for (size_t i = 0; i < rows.size(); i += 4) {
    std::set<std::string> types;
    for (size_t k = i; k < i + 4; ++k) types.insert(type_of(rows[k]));
    EXPECT_EQ(types.size(), 4u) << rows[i].id;
  }
}

TEST(Scenes, StopsBetweenSamplesWithoutAQuestionFile) {
  const TempDir dir;
  set_stop_signal(15);
  make_scenes(all_types(5), dir.path(), 0);
  set_stop_signal(0);
  EXPECT_FALSE(std::filesystem::exists(dir / "questions.jsonl"));
}

TEST(Scenes, BadConfigurationsAreNamed) {
  const auto fault = [](const char* text) -> std::string {
    try {
      config_from<ScenesConfig>(Json::parse(text));
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::usage);
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(fault(R"({"kind": "clip"})"), HasSubstr("kind"));
  EXPECT_THAT(fault(R"({"types": ["shape", "where"]})"), HasSubstr("types"));
  EXPECT_THAT(fault(R"({"rho": 1.5})"), HasSubstr("rho"));
  EXPECT_THAT(fault(R"({"count": 0})"), HasSubstr("count"));
  EXPECT_THAT(fault(R"({"weights": [1, 2]})"), HasSubstr("weights"));
  EXPECT_THAT(fault(R"({"weights": [1, 2], "questions": 3})"), HasSubstr("needs 6 numbers"));
  EXPECT_THAT(fault(R"({"types": ["cap", "dir"], "weights": [1, -2], "questions": 3})"), HasSubstr("needs 2 numbers"));
  EXPECT_THAT(fault(R"({"types": ["cap", "dir"], "weights": [1, 0], "questions": 3, "round": 2})"), HasSubstr("round"));
  EXPECT_THAT(fault(R"({"kind": "stills", "distribution": "biased"})"), HasSubstr("distribution"));
  EXPECT_THAT(fault(R"({"kind": "stills", "lure": 0.5})"), HasSubstr("told truly"));
  EXPECT_EQ(fault(R"({"types": "cap", "count": 3})"), "no error");
}

}  // namespace
}  // namespace rrpo::gen
