// Published preference sets, read by their keys. The rows are made up; the keys are those of the sets (docs/data.md says
// where each was seen).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rrpo/rows/foreign.h"
#include "rrpo/rows/unused_keys.h"
#include "rrpo/util/error.h"
#include "support/temp_dir.h"

namespace rrpo::rows {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kMoved =
    "rows whose place of a picture stood inside of the question, put before it as the set's own loader does";

Imported imported(const std::vector<Json>& rows, const ImportRules& rules = {}) {
  std::string lines;
  for (const Json& row : rows) lines += row.dump() + "\n";
  return import_rows(lines, "f.jsonl", rules);
}

Json with(Json row, const std::string& key, const Json& value) {
  row[key] = value;
  return row;
}

Json without(Json row, const std::string& key) {
  row.erase(key);
  return row;
}

/// What becomes of one row beside a sound one: the reason for which it is skipped, each row being counted once.
std::string fate(const Json& sound, const Json& row, const ImportRules& rules = {}) {
  const Imported out = imported({sound, row}, rules);
  EXPECT_EQ(out.ledger.total(), 2);
  EXPECT_EQ(out.imported + out.skipped(), 2);
  return out.reasons.empty() ? "imported" : out.reasons.begin()->first;
}

Json hound() {
  return {{"id", "clip_2"},
          {"prompt", "What is on the table?"},
          {"answer", "A cup stands there."},
          {"video", "clip"},
          {"chosen", "A red cup."},
          {"rejected", "A blue cup."},
          {"chosen_score", 5},
          {"rejected_score", 2}};
}

TEST(LlavaHound, AFolderOfFramesIsTheVideoAndScoresAndReferenceAreCounted) {
  const test::TempDir dir;
  for (const char* name : {"clip/c01_10.jpeg", "clip/c01_2.jpeg"}) dir.write(name, "x");
  const Imported out = imported({hound(), with(hound(), "id", "clip_3")}, {.root = dir / ""});
  EXPECT_EQ(out.format->name, "llava_hound");
  EXPECT_EQ(out.why, "f.jsonl:1 has prompt, answer, chosen and rejected");
  ASSERT_EQ(out.pairs.size(), 2u);
  const Pair& pair = out.pairs[0];
  EXPECT_EQ(pair.id, "clip_2");
  EXPECT_EQ(pair.question, "What is on the table?");
  EXPECT_THAT(pair.media.frames, ElementsAre("clip/c01_2.jpeg", "clip/c01_10.jpeg"));
  EXPECT_EQ(pair.chosen.text, "A red cup.");
  EXPECT_EQ(pair.rejected.text, "A blue cup.");
  EXPECT_EQ(pair.extra["made"]["row"]["answer"], "A cup stands there.");
  EXPECT_EQ(pair.extra["chosen_score"], 5);
  EXPECT_EQ(out.notes.at("rows with a reference answer, kept as made.row.answer and not used"), 2);
  EXPECT_EQ(out.notes.at(unused_note("chosen_score")), 2);
  EXPECT_EQ(out.notes.at(unused_note("rejected_score")), 2);
  EXPECT_EQ(out.notes.count("rows whose chosen_score is not above their rejected_score"), 0u);
}

TEST(LlavaHound, TiedScoresAndMissingFoldersAreSaid) {
  const Json tied = with(hound(), "rejected_score", 5), silent = with(hound(), "answer", "");
  const Imported out = imported({tied, silent, with(hound(), "video", "clip.mp4")});
  ASSERT_EQ(out.pairs.size(), 3u);
  EXPECT_EQ(out.pairs[0].media.video, "clip");
  EXPECT_EQ(out.notes.at("rows whose chosen_score is not above their rejected_score"), 1);
  EXPECT_EQ(out.notes.at("rows with a reference answer, kept as made.row.answer and not used"), 2);
  EXPECT_EQ(
      out.notes.at("rows whose video has no ending of a file and is no folder below video_root, where its pictures may lie"),
      2);
}

// The set's loader takes "<video>" out of the prompt wherever it stands, and puts it first.
TEST(LlavaHound, ThePlaceOfTheVideoComesFirst) {
  for (const char* prompt :
       {"<video>\nWhat is on the table?", "What is on the table?\n<video>", "What is <video> on the table?"})
    EXPECT_EQ(imported({with(hound(), "prompt", prompt)}).pairs.at(0).question, "What is on the table?") << prompt;
  const Imported out = imported({with(hound(), "prompt", "What is <video> on the table?"), hound()});
  EXPECT_EQ(out.notes.at(kMoved), 1);
  EXPECT_EQ(fate(hound(), with(hound(), "prompt", "Is <video> like <video>?")), "<video> stands inside the question");
}

TEST(LlavaHound, FaultyRowsAreSkippedByName) {
  EXPECT_EQ(fate(hound(), without(hound(), "rejected")), "has rejected_score, and is no pair of a known format");
  EXPECT_EQ(fate(hound(), without(hound(), "rejected"), {.format = "llava_hound"}), "rejected is missing");
  EXPECT_EQ(fate(hound(), with(hound(), "rejected", "")), "rejected is empty");
  EXPECT_EQ(fate(hound(), with(hound(), "rejected", "A red cup.")), "chosen and rejected are the same text");
  EXPECT_EQ(fate(hound(), without(hound(), "video")), "has neither video nor pictures");
  EXPECT_EQ(fate(hound(), with(hound(), "prompt", "")), "prompt is empty");
  EXPECT_EQ(imported({without(hound(), "answer")}).format->name, "trl");
}

Json mmpr() {
  return {{"image", "images/1.png"}, {"question", "<image>\nWhat is the angle?"}, {"chosen", "30"}, {"rejected", "60"}};
}

TEST(Mmpr, APictureIsAClipOfOneFrame) {
  const Imported out = imported({mmpr(), with(with(mmpr(), "question", "What is the angle?"), "answer_gt", "30")});
  EXPECT_EQ(out.format->name, "mmpr");
  ASSERT_EQ(out.pairs.size(), 2u);
  for (const Pair& pair : out.pairs) {
    EXPECT_EQ(pair.media.video, "");
    EXPECT_THAT(pair.media.frames, ElementsAre("images/1.png"));
    EXPECT_EQ(pair.question, "What is the angle?");
    EXPECT_EQ(pair.chosen.text, "30");
    EXPECT_EQ(pair.rejected.text, "60");
  }
  EXPECT_EQ(out.notes.at(unused_note("answer_gt")), 1);
  EXPECT_EQ(out.pairs[1].extra["answer_gt"], "30");
}

TEST(Mmpr, SeveralPicturesAreFramesAndTheirNamesAreTakenOff) {
  Json row = with(mmpr(), "image", {"1.png", "2.png"});
  row["question"] = "Image-1: <image>\nImage-2: <image>\nWhich is larger?";
  row["chosen_meta"] = {{"model", "x"}};
  row["rejected_meta"] = {{"model", "y"}};
  const Imported out = imported({row, with(row, "question", "<image>\n<image>\nWhich is larger?")});
  ASSERT_EQ(out.pairs.size(), 2u);
  for (const Pair& pair : out.pairs) {
    EXPECT_THAT(pair.media.frames, ElementsAre("1.png", "2.png"));
    EXPECT_EQ(pair.question, "Which is larger?");
  }
  EXPECT_EQ(out.notes.at("rows whose names of pictures (Image-1: …) were taken off: the frames stand in that order"), 1);
  EXPECT_EQ(out.notes.at("rows with several pictures: frames of one clip, which must have one size"), 2);
  EXPECT_EQ(out.notes.at(unused_note("rejected_meta")), 2);
  EXPECT_EQ(fate(row, with(row, "question", "Is <image> larger than <image>?")), "<image> stands inside the question");
  EXPECT_EQ(fate(row, with(row, "question", "Image-1: <image>\nImage-3: <image>\nWhich?")),
            "<image> stands inside the question");
  EXPECT_EQ(fate(row, with(row, "image", {"1.png", "2.png", "3.png"})),
            "the question has 2 places for 3 pictures or videos");
}

TEST(Mmpr, OnePictureInsideOfTheQuestionComesFirst) {
  const Imported out = imported({with(mmpr(), "question", "In the figure <image>, what is the angle?")});
  EXPECT_EQ(out.pairs.at(0).question, "In the figure , what is the angle?");
  EXPECT_EQ(out.notes.at(kMoved), 1);
  EXPECT_EQ(imported({mmpr()}).notes.count(kMoved), 0u);
}

TEST(Mmpr, FaultyRowsAreSkippedByName) {
  EXPECT_EQ(fate(mmpr(), without(mmpr(), "image")), "has neither video nor pictures");
  EXPECT_EQ(fate(mmpr(), with(mmpr(), "image", "")), "has neither video nor pictures");
  EXPECT_EQ(fate(mmpr(), with(mmpr(), "image", Json::array())), "has neither video nor pictures");
  EXPECT_EQ(fate(mmpr(), with(mmpr(), "image", "s3://bucket/1.png")), "image is no path of a file");
  EXPECT_EQ(fate(mmpr(), with(mmpr(), "rejected", "30")), "chosen and rejected are the same text");
  EXPECT_EQ(fate(mmpr(), without(mmpr(), "rejected"), {.format = "mmpr"}), "rejected is missing");
  EXPECT_EQ(fate(mmpr(), with(mmpr(), "chosen", "")), "chosen is empty");
}

// Everybody's key names: what is certain about them is that no other key stands beside them.
TEST(Mmpr, ARowWithOtherKeysIsSomebodyElses) {
  EXPECT_EQ(imported({with(mmpr(), "origin_dataset", "x")}).format->name, "trl");
  EXPECT_EQ(imported({with(mmpr(), "video", "a.mp4")}).formats.count("mmpr"), 0u);
}

constexpr const char* kCaption = "Please provide a detailed caption for this segment during 00:25-00:38.";

Json elv_swift() {
  return {{"messages",
           {{{"role", "user"}, {"content", std::string("<video>") + kCaption}},
            {{"role", "assistant"}, {"content", "A player in purple shoes shoots."}}}},
          {"rejected_response", "A referee in a striped shirt shoots."},
          {"videos", {"game.mp4"}}};
}

TEST(ElvHalluc, ItsQuestionShowsItInEveryContainer) {
  const char *good = "A player in purple shoes shoots.", *bad = "A referee in a striped shirt shoots.";
  const Json trl = {{"video", "game.mp4"}, {"prompt", kCaption}, {"chosen", good}, {"rejected", bad}};
  const Json parts = {
      {"prompt",
       {{{"role", "user"},
         {"content", {{{"type", "video"}, {"video", "game.mp4"}}, {{"type", "text"}, {"text", kCaption}}}}}}},
      {"chosen", good},
      {"rejected", bad}};
  const Json factory = {{"conversations", {{{"from", "human"}, {"value", std::string("<video>") + kCaption}}}},
                        {"chosen", {{"from", "gpt"}, {"value", good}}},
                        {"rejected", {{"from", "gpt"}, {"value", bad}}},
                        {"videos", {"game.mp4"}}};
  const Imported out = imported({elv_swift(), trl, parts, factory});
  EXPECT_EQ(out.formats.at("elv_halluc"), 4);
  ASSERT_EQ(out.pairs.size(), 4u);
  for (const Pair& pair : out.pairs) {
    EXPECT_EQ(pair.question, kCaption);
    EXPECT_EQ(pair.media.video, "game.mp4");
    EXPECT_EQ(pair.chosen.text, good);
    EXPECT_EQ(pair.rejected.text, bad);
    EXPECT_FALSE(pair.chosen.spans.empty());
  }
  EXPECT_EQ(out.notes.at("rows in the form of trl"), 2);
  EXPECT_EQ(out.notes.at("rows in the form of ms_swift"), 1);
  EXPECT_EQ(out.notes.at("rows whose question names a segment of the video (mm:ss): the whole video is shown"), 4);
}

TEST(ElvHalluc, OtherQuestionsAreOfTheirContainerAndFaultyRowsAreSkipped) {
  Json other = elv_swift();
  other["messages"][0]["content"] = "<video>Please provide a caption.";
  EXPECT_EQ(imported({other}).format->name, "ms_swift");
  EXPECT_EQ(fate(elv_swift(), with(elv_swift(), "rejected_response", "A player in purple shoes shoots.")),
            "chosen and rejected are the same text");
  EXPECT_EQ(fate(elv_swift(), with(elv_swift(), "rejected_response", nullptr)), "rejected_response is missing");
  EXPECT_EQ(fate(elv_swift(), without(elv_swift(), "videos")), "has neither video nor pictures");
  const Json unknown = {{"video", "game.mp4"}, {"caption", "x"}, {"hallucinated_caption", "y"}, {"question", kCaption}};
  EXPECT_THAT(fate(elv_swift(), unknown, {.format = "elv_halluc"}), HasSubstr("is no pair of a known format"));
}

// What TPO's loader reads is what LLaVA-Hound's and TRL's rows hold; its columns as a table were not seen.
TEST(Tpo, RowsOfItsLoaderAreReadAsTheyAre) {
  const Json row = {
      {"video", "v/1.mp4"}, {"prompt", "<image>\nWhen does he sit down?"}, {"chosen", "At noon."}, {"rejected", "At six."}};
  const Imported plain = imported({row}), referenced = imported({with(row, "answer", "")});
  EXPECT_EQ(plain.format->name, "trl");
  EXPECT_EQ(referenced.format->name, "llava_hound");
  for (const Imported* out : {&plain, &referenced}) {
    EXPECT_EQ(out->pairs.at(0).question, "When does he sit down?");
    EXPECT_EQ(out->pairs.at(0).media.video, "v/1.mp4");
  }
  const Imported table = import_rows(
      ",video,prompt,chosen,rejected\r\n0,v/1.mp4,\"<image>\nWhen, in the film, does he sit down?\",At noon.,At six.\r\n"
      "1,v/2.mp4,Why?,Because.,Because.\r\n",
      "dataset.csv", {.source = "tpo"});
  ASSERT_EQ(table.pairs.size(), 1u);
  EXPECT_EQ(table.format->name, "trl");
  EXPECT_EQ(table.pairs[0].question, "When, in the film, does he sit down?");
  EXPECT_EQ(table.pairs[0].media.video, "v/1.mp4");
  EXPECT_EQ(table.pairs[0].source, "tpo");
  EXPECT_EQ(table.pairs[0].extra["column 1"], "0");
  EXPECT_EQ(table.places.at("chosen and rejected are the same text"), "dataset.csv:4");
}

TEST(Sets, TheSourceIsTheRowsElseTheOneGivenElseTheSetAskedForByName) {
  EXPECT_EQ(imported({hound()}).pairs.at(0).source, "");
  EXPECT_EQ(imported({hound()}, {.format = "llava_hound"}).pairs.at(0).source, "llava_hound");
  EXPECT_EQ(imported({mmpr()}, {.format = "mmpr", .source = "geo170k"}).pairs.at(0).source, "geo170k");
  EXPECT_EQ(imported({with(hound(), "source", "webvid")}, {.format = "llava_hound", .source = "x"}).pairs.at(0).source,
            "webvid");
  EXPECT_EQ(imported({elv_swift()}, {.format = "ms_swift"}).pairs.at(0).source, "");
  const Json question = {
      {"video", "a.mp4"},
      {"messages", {{{"role", "user"}, {"content", "Who?"}}, {{"role", "assistant"}, {"content", "Ann"}}}}};
  EXPECT_EQ(imported({question}, {.source = "mine"}).questions.at(0).extra["source"], "mine");
}

}  // namespace
}  // namespace rrpo::rows
