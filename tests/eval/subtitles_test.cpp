#include "../../src/eval/benchmarks/subtitles.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "rrpo/eval/questions.h"
#include "rrpo/util/error.h"
#include "support/parity.h"
#include "support/temp_dir.h"

namespace rrpo::eval {
namespace {

using testing::ElementsAre;

std::string font(const std::string& text) { return "<font color=\"white\" size=\".72c\">" + text + "</font>"; }

TEST(Subtitles, BlocksWithOneTimeAreOneCueAtTheFirstPlace) {
  const auto cues = parse_srt(
      "1\r\n00:00:01,500 --> 00:00:02,000\r\nfirst\r\n\r\n2\r\n01:02:03,004 --> 01:02:05,000\r\nsecond\r\nline\r\n\r\n"
      "3\r\n00:00:01,500 --> 00:00:02,000\r\ninstead\r\n\r\n4\r\n00:00:09,000 --> 00:00:10,000\r\n\r\n",
      "a.srt");
  ASSERT_EQ(cues.size(), 2U);
  EXPECT_EQ(cues[0].begin_s, 1.5);
  EXPECT_EQ(cues[0].text, "instead");
  EXPECT_EQ(cues[1].begin_s, 3723.004);
  EXPECT_EQ(cues[1].text, "second line");
  EXPECT_EQ(parse_srt("\n\n\n1\n00:00:00,000 --> 00:00:01,000\na\n\n\n2\n00:00:01,000 --> 00:00:02,000\nb", "a.srt").size(),
            2U);
  EXPECT_TRUE(parse_srt("", "a.srt").empty());
}

TEST(Subtitles, ABlockWithoutTimesIsRefused) {
  for (const char* text :
       {"1\n00:00:01.500 --> 00:00:02.000\na", "1\n00:00:01,500\na", "1\nx --> y\na", "1\n00:01,500 --> 00:02,000\na"}) {
    EXPECT_THROW(parse_srt(text, "a.srt"), Error) << text;
  }
}

TEST(Subtitles, ACueIsShownWhereASampledFrameFallsOnIt) {
  const std::vector<Cue> cues = {{0.0, 0.3, font("zero")},
                                 {0.35, 0.38, font("between")},
                                 {0.4, 0.6, font("four") + font("no")},
                                 {0.6, 0.9, "plain"},
                                 {0.9, 1.0, font("") + "x"},
                                 {0.9, 1.05, "<font color=\"white\" size=\"–72c\">any</font>"}};
  EXPECT_EQ(cues_at_frames(cues, {0, 2, 4, 6, 8}, 10), "zero\nfour");
  EXPECT_EQ(cues_at_frames(cues, {5, 0}, 10), "zero\nfour") << "in the order of the file";
  EXPECT_EQ(cues_at_frames(cues, {9}, 10), "\nany") << "an empty text is a line too, and any character may be the point";
  EXPECT_EQ(cues_at_frames(cues, {3, 6}, 10), "") << "the end is outside";
  EXPECT_EQ(cues_at_frames({{0, 1, "<font color=\"white\" size=\".72c\">open"}}, {0}, 10), "");
}

TEST(Subtitles, BothFormsOfListsAreRead) {
  const auto numbers = parse_cue_list(parse_json(R"([{"timestamp": [1, 3.0], "text": "hello"},
      {"timestamp": [4.5, null], "text": "tail"}, {"timestamp": [4.5, 5], "text": "whole"}])",
                                                 "data", "a.json"),
                                      "a.json");
  EXPECT_EQ(numbers[0].end_s, 3.0);
  EXPECT_FALSE(numbers[1].end_s);
  EXPECT_FALSE(numbers[2].end_s) << "an end that is no fraction is the end of the video, as its reader has it";
  const auto clocks = parse_cue_list(
      parse_json(R"([{"start": "00:01:02.500", "end": "01:00:00.000", "line": "hi"}])", "data", "a.json"), "a.json");
  EXPECT_EQ(clocks[0].begin_s, 62.5);
  EXPECT_EQ(clocks[0].end_s, 3600.0);
  for (const char* bad : {R"({})", R"([1])", R"([{"text": "a"}])", R"([{"timestamp": [null, 1.5], "text": "a"}])",
                          R"([{"timestamp": [0, 1.5]}])", R"([{"start": "1", "end": "2", "line": "a"}])"}) {
    EXPECT_THROW(parse_cue_list(parse_json(bad, "data", "a.json"), "a.json"), Error) << bad;
  }
}

/// F for a frame, texts as they are.
std::vector<std::string> shown(const std::vector<Piece>& pieces) {
  std::vector<std::string> out;
  for (const Piece& piece : pieces) out.push_back(piece.frame ? "F" + std::to_string(*piece.frame) : piece.text);
  return out;
}

TEST(Subtitles, FramesAndCuesGoByTime) {
  const std::vector<Cue> cues = {{1, 3.0, "hello"}, {4.5, 5.0, "miss"}, {5.5, std::nullopt, "tail"}};
  EXPECT_THAT(shown(interleave({0, 2, 4, 6}, cues, 0, 8)), ElementsAre("F0", "F1", "hello", "F2", "F3", "tail"));
  EXPECT_THAT(shown(interleave({0, 2, 4, 6}, {{101, 103.0, "hello"}}, 100, 8)),
              ElementsAre("F0", "F1", "hello", "F2", "F3"));
  EXPECT_THAT(shown(interleave({0, 2}, {{1.7, 1.9, "short"}}, 0, 8)), ElementsAre("F0", "short", "F1"))
      << "less than a second is taken for one";
  EXPECT_THAT(shown(interleave({0, 2}, {{2.0, 3.0, "edge"}}, 0, 8)), ElementsAre("F0", "F1")) << "strictly inside";
  EXPECT_THAT(shown(interleave({}, cues, 0, 8)), ElementsAre());
}

/// Against LongVideoBench's own reader: scripts/oracles/subtitles.py.
TEST(Subtitles, StandWhereTheBenchmarksReaderPutsThem) {
  const Json golden = read_json(test::source_file("tests/golden/subtitles.json"), "test");
  for (const Json& one : golden.at("cases")) {
    const auto cues = parse_cue_list(one.at("cues"), "golden");
    Json pieces = Json::array();
    for (const Piece& piece :
         interleave(one.at("times").get<std::vector<double>>(), cues, one.at("offset"), one.at("duration")))
      pieces.push_back(piece.frame ? Json(*piece.frame) : Json(piece.text));
    test::expect_same({"prompts of benchmarks", golden.at("source").get<std::string>(), "frames and cues of longvideobench"},
                      pieces == one.at("pieces"), one.dump());
  }
}

TEST(Subtitles, BecomeTheWordsBetweenFrames) {
  const test::TempDir scratch;
  std::ofstream(scratch.path() / "s.json") << R"([{"timestamp": [1, 3.0], "text": "hello"},
      {"timestamp": [1, 3.5], "text": "again"}, {"timestamp": [4.5, 5.0], "text": "miss"}, {"timestamp": [5.5, null], "text": "tail"}])";
  rows::Question question;
  question.item.duration_s = 8;
  EXPECT_THAT(heard_between(scratch.path(), question, {0, 2, 4, 6}), ElementsAre("", "", "", "", "")) << "has none";
  question.item.subtitles = rows::Subtitles{"lvb_json", "s.json", 0};
  EXPECT_THAT(heard_between(scratch.path(), question, {0, 2, 4, 6}), ElementsAre("", "", "hello\nagain", "", "tail"));
  question.item.subtitles->offset_s = 2;
  EXPECT_THAT(heard_between(scratch.path(), question, {0.5, 2, 4, 6}), ElementsAre("hello\nagain", "", "", "tail", ""));
  question.item.subtitles->path = "absent.json";
  EXPECT_THROW(heard_between(scratch.path(), question, {0, 2}), Error);
}

}  // namespace
}  // namespace rrpo::eval
