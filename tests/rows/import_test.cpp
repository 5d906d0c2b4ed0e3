// Kinds of foreign rows that once died, vanished, or were read as something else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rrpo/rows/foreign.h"
#include "rrpo/rows/unused_keys.h"
#include "rrpo/text/markup.h"
#include "rrpo/util/error.h"
#include "support/temp_dir.h"

namespace rrpo::rows {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kGood = "The man opens the red door and walks out of the house.";
constexpr const char* kBad = "The man closes the red door and stays inside the house.";

Json swift(const Json& rejected) {
  return {{"messages",
           {{{"role", "user"}, {"content", "<video>What does the man do?"}}, {{"role", "assistant"}, {"content", kGood}}}},
          {"rejected_response", rejected},
          {"videos", {"plain.mp4"}}};
}

Imported imported(const std::vector<Json>& rows, const ImportRules& rules = {}) {
  std::string lines;
  for (const Json& row : rows) lines += row.dump() + "\n";
  return import_rows(lines, "f.jsonl", rules);
}

std::vector<std::string> rejected_of(const Imported& out) {
  std::vector<std::string> texts;
  for (const Pair& pair : out.pairs) texts.push_back(pair.rejected.text);
  return texts;
}

std::string reason_of(const Json& row) {
  const Imported out = imported({swift(kBad), row});
  return out.reasons.empty() ? "imported" : out.reasons.begin()->first;
}

TEST(Import, AnUnreadableSideCostsItsRowAlone) {
  // Long texts: short ones live inside of their string, and freeing them twice shows nowhere.
  const Json trl = {{"prompt", "What does the man in the video do?"}, {"video", "plain.mp4"}, {"chosen", kGood}};
  for (const char* side : {"chosen", "rejected"}) {
    for (const Json& value : {Json(""), Json(nullptr), Json(5), Json::array(), Json::array({5}), Json::object(),
                              Json::array({{{"role", "user"}, {"content", kBad}}})}) {
      Json bad = trl, good = trl;
      bad["rejected"] = good["rejected"] = kBad;
      bad[side] = value;
      const Imported out = imported({good, bad, good});
      EXPECT_EQ(out.pairs.size(), 2u) << side << value;
      EXPECT_EQ(out.skipped(), 1);
      EXPECT_EQ(out.places.begin()->second, "f.jsonl:2");
    }
  }
}

TEST(Import, RejectedAnswersInEveryShape) {
  const Json message = {{"role", "assistant"}, {"content", kBad}};
  EXPECT_THAT(rejected_of(imported({swift(kBad)})), ElementsAre(kBad));
  EXPECT_THAT(rejected_of(imported({swift(message)})), ElementsAre(kBad));
  EXPECT_THAT(rejected_of(imported({swift(Json::array({message}))})), ElementsAre(kBad));
  const Imported several = imported({swift(Json::array({kBad, "He paints the door, for a long time."}))});
  EXPECT_THAT(rejected_of(several), ElementsAre(kBad, "He paints the door, for a long time."));
  EXPECT_EQ(several.notes.at("rows with several rejected answers or questions, one pair each"), 1);
  EXPECT_NE(several.pairs[0].id, several.pairs[1].id);
  // The first row does not decide how the others are read.
  const Imported mixed = imported({swift(Json::array({message})), swift(kBad), swift(Json::array({kBad}))});
  EXPECT_EQ(mixed.pairs.size(), 3u);
  EXPECT_TRUE(mixed.questions.empty());
}

TEST(Import, ARowWithARejectedKeyIsNeverAQuestion) {
  EXPECT_EQ(reason_of(swift("")), "rejected_response is empty");
  EXPECT_EQ(reason_of(swift(nullptr)), "rejected_response is missing");
  EXPECT_EQ(reason_of(swift(5)), "rejected_response is neither a text nor a message");
  EXPECT_EQ(reason_of(swift(Json::array())), "rejected_response is empty");
  EXPECT_EQ(reason_of(swift(Json::array({kBad, ""}))), "rejected_response[1] is empty");
  EXPECT_EQ(reason_of(swift(kGood)), "chosen and rejected are the same text");
  Json other = swift(kBad);
  other["rejected_answers"] = other["rejected_response"];
  other.erase("rejected_response");
  EXPECT_EQ(reason_of(other), "has rejected_answers, and is no pair of a known format");
  Json kto = swift(kBad);
  kto.erase("rejected_response");
  for (const Json& bad : {Json(false), Json(0), Json(0.0), Json("False"), Json("0")}) {
    kto["label"] = bad;
    EXPECT_EQ(reason_of(kto), "label is " + bad.dump() + ": the answer is a bad one");
  }
  for (const Json& good : {Json(true), Json(1), Json("true")}) {
    kto["label"] = good;
    EXPECT_EQ(reason_of(kto), "imported") << good;
  }
}

TEST(Import, EveryRowIsReadInItsOwnFormat) {
  Json question = swift(kBad);
  question.erase("rejected_response");
  const Json alpaca = {{"instruction", "What does he do?"}, {"chosen", kGood}, {"rejected", kBad}, {"videos", {"a.mp4"}}};
  const Imported out = imported({question, swift(kBad), alpaca, {{"other", 1}}});
  EXPECT_EQ(out.questions.size(), 1u);
  EXPECT_EQ(out.pairs.size(), 2u);
  EXPECT_EQ(out.skipped(), 1);
  EXPECT_EQ(out.formats.at("ms_swift"), 1);
  EXPECT_EQ(out.formats.at("alpaca"), 1);
  EXPECT_EQ(out.formats.at("conversations"), 1);
}

TEST(Import, ARowsMediaInEveryShape) {
  const auto media = [](const Json& videos) {
    Json row = swift(kBad);
    row["videos"] = videos;
    return imported({row}).pairs.at(0).media;
  };
  EXPECT_THAT(media(Json::array({Json::array({"f/1.jpeg", "f/2.jpeg"})})).frames, ElementsAre("f/1.jpeg", "f/2.jpeg"));
  EXPECT_THAT(media(Json::array({"f/1.jpg", "f/2.JPG"})).frames, ElementsAre("f/1.jpg", "f/2.JPG"));
  EXPECT_EQ(media("file:///data/a.mp4").video, "/data/a.mp4");
  const Json part = {{"type", "video"}, {"video", "plain.mp4"}, {"fps", 2.0}, {"video_start", 1}, {"video_end", 2.5}};
  const Json inside = {
      {"prompt", {{{"role", "user"}, {"content", {part, {{"type", "text"}, {"text", "What does he do?"}}}}}}},
      {"chosen", {{{"role", "assistant"}, {"content", {{{"type", "text"}, {"text", kGood}}}}}}},
      {"rejected", {{{"role", "assistant"}, {"content", {{{"type", "text"}, {"text", kBad}}}}}}}};
  const Imported out = imported({inside});
  ASSERT_EQ(out.pairs.size(), 1u);
  EXPECT_EQ(out.pairs[0].media.video, "plain.mp4");
  EXPECT_EQ(out.pairs[0].media.start_s, 1);
  EXPECT_EQ(out.pairs[0].media.end_s, 2.5);
  EXPECT_EQ(out.pairs[0].question, "What does he do?");
  EXPECT_EQ(out.notes.at(unused_note("fps")), 1);
  EXPECT_EQ(out.notes.at("rows whose video_start and video_end, in seconds, became clip"), 1);
}

// Once the part of the video was dropped without a word.
TEST(Import, MediaAsObjectsKeepTheirClip) {
  for (const Json& object : {Json{{"path", "a.mp4"}, {"start", 1}, {"end", 2.5}, {"fps", 2}},
                             Json{{"video", "a.mp4"}, {"video_start", 1}, {"video_end", 2.5}, {"fps", 2}},
                             Json{{"video_url", {{"url", "a.mp4"}}}, {"start_time", 1}, {"end_time", 2.5}, {"fps", 2}}}) {
    for (const Json& videos : {Json::array({object}), object}) {
      Json row = swift(kBad);
      row["videos"] = videos;
      const Imported out = imported({row});
      ASSERT_EQ(out.pairs.size(), 1u) << row;
      EXPECT_EQ(out.pairs[0].media.video, "a.mp4");
      EXPECT_EQ(out.pairs[0].media.start_s, 1) << row;
      EXPECT_EQ(out.pairs[0].media.end_s, 2.5) << row;
      EXPECT_EQ(out.notes.at(unused_note("fps")), 1) << row;
    }
  }
  Json pictures = swift(kBad);
  pictures.erase("videos");
  pictures["images"] = {{{"image", "1.png"}, {"max_pixels", 100}}, {{"image_url", {{"url", "2.png"}}}}, {{"path", "3.png"}}};
  const Imported out = imported({pictures});
  ASSERT_EQ(out.pairs.size(), 1u);
  EXPECT_THAT(out.pairs[0].media.frames, ElementsAre("1.png", "2.png", "3.png"));
  EXPECT_EQ(out.notes.at(unused_note("max_pixels")), 1);
  Json none = swift(kBad);
  none["videos"] = {{{"fps", 2}}};
  EXPECT_EQ(reason_of(none), "videos names no file");
}

// No reader of ours takes it: the row is skipped at once instead of failing in every run.
TEST(Import, ATiffPictureIsRefusedByName) {
  for (const char* key : {"images", "videos"}) {
    Json row = swift(kBad);
    row.erase("videos");
    row[key] = {"f/1.TIF", "f/2.tiff"};
    EXPECT_EQ(reason_of(row), std::string(key) + " is a TIFF picture, which is not read");
  }
}

TEST(Import, AFolderNamedAsAVideoIsItsPicturesInNaturalOrder) {
  const test::TempDir dir;
  for (const char* name : {"clip/f10.png", "clip/f2.png", "clip/f1.png", "clip/notes.txt"}) {
    std::filesystem::create_directories(dir / "clip");
    dir.write(name, "x");
  }
  std::filesystem::create_directories(dir / "empty");
  Json row = swift(kBad), bare = swift(kBad);
  row["videos"] = {"clip"};
  bare["videos"] = {"empty"};
  const Imported out = imported({row, bare}, {.root = dir / ""});
  ASSERT_EQ(out.pairs.size(), 1u);
  EXPECT_THAT(out.pairs[0].media.frames, ElementsAre("clip/f1.png", "clip/f2.png", "clip/f10.png"));
  EXPECT_EQ(out.reasons.begin()->first, "empty: is a folder without pictures");
}

TEST(Import, KeysOfOthersAreNamed) {
  Json row = swift(kBad);
  row["system"] = "Be brief.";
  row["timestamp"] = "00:01";
  row["tools"] = "";
  row["start_time"] = 1.5;
  row["end_time"] = 4;
  const Imported out = imported({row, swift(kBad)});
  EXPECT_EQ(out.notes.at(unused_note("system")), 1);
  EXPECT_EQ(out.notes.at(unused_note("timestamp")), 1);
  EXPECT_EQ(out.notes.count(unused_note("tools")), 0u);
  EXPECT_EQ(out.pairs[0].media.start_s, 1.5);
  EXPECT_EQ(out.pairs[0].extra["system"], "Be brief.");
  std::map<std::string, int64_t> notes;
  count_unused({{"images", {"a.png"}}, {"mine", 1}, {"video_start", 3}}, notes);
  EXPECT_EQ(notes.size(), 2u);
}

TEST(Import, AppliedTemplatesAndPlacesAreTakenOff) {
  const Json unsloth = {
      {"images", {"1.jpeg", "2.jpeg"}},
      {"prompt",
       "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|><|vision_start|><|image_pad|><|vision_end|>Describe "
       "the "
       "action in this video.<|im_end|>\n"},
      {"chosen", "<|im_start|>assistant\n<think>\n\n</think>\n\nPutting a watch on a surface<|im_end|>\n"},
      {"rejected", "<|im_start|>assistant\n<think>\n\n</think>\n\nPutting glass on a surface<|im_end|>\n"}};
  const Imported out = imported({unsloth});
  ASSERT_EQ(out.pairs.size(), 1u);
  EXPECT_EQ(out.pairs[0].question, "Describe the action in this video.");
  EXPECT_EQ(out.pairs[0].chosen.text, "Putting a watch on a surface");
  EXPECT_EQ(out.pairs[0].rejected.text, "Putting glass on a surface");
  EXPECT_EQ(out.notes.at("rows whose chat template (chatml) was taken off"), 1);
  EXPECT_EQ(out.notes.at("rows whose answer had an end of turn, cut off"), 1);
  Json middle = swift("He left.<|im_end|> And came back again.");
  EXPECT_THAT(reason_of(middle), HasSubstr("rejected.text holds <|im_end|>"));
}

TEST(Markup, TemplatesOfEveryForm) {
  const auto inside = [](const char* prompt) {
    const auto found = text::question_in_template(prompt);
    return found ? found->form + "|" + found->system + "|" + found->text : "none";
  };
  EXPECT_EQ(inside("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n"),
            "chatml|Be brief.|Who?");
  EXPECT_EQ(inside("<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nWho?<|eot_id|><|start_header_id|>assistant"
                   "<|end_header_id|>\n\n"),
            "llama3||Who?");
  EXPECT_EQ(inside("<bos><start_of_turn>user\nWho?<end_of_turn>\n<start_of_turn>model\n"), "gemma||Who?");
  EXPECT_EQ(inside("<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nWho? [/INST]"), "mistral|Be brief.|Who?");
  EXPECT_EQ(inside("A chat. USER: <image>\nWho? ASSISTANT:"), "vicuna|A chat.|<image>\nWho?");
  EXPECT_EQ(inside("Who?"), "none");
  EXPECT_EQ(inside("<|im_start|>user\nA?<|im_end|>\n<|im_start|>assistant\nB<|im_end|>\n<|im_start|>user\nC?<|im_end|>"),
            "none");
}

TEST(Markup, EndsOfTurnAreCutAtTheEndAlone) {
  const auto cut = [](std::string text) {
    const bool found = text::cut_end_of_turn(text);
    return (found ? "cut " : "") + text;
  };
  EXPECT_EQ(cut("A red ball.<|im_end|>\n"), "cut A red ball.");
  EXPECT_EQ(cut("A red ball.<|im_end|>\n<|im_start|>user\n"), "cut A red ball.");
  EXPECT_EQ(cut("A red ball.</s> <|endoftext|>"), "cut A red ball.");
  EXPECT_EQ(cut("A <|im_end|> ball. "), "A <|im_end|> ball. ");
  EXPECT_EQ(cut("<s>old</s>"), "<s>old</s>");
  EXPECT_EQ(cut("<|im_end|>"), "cut ");
}

/// The format of an imported question.
std::string format_of(const std::string& question, const std::string& answer) {
  const Json row = {{"video", "a.mp4"},
                    {"conversations", {{{"from", "human"}, {"value", question}}, {{"from", "gpt"}, {"value", answer}}}}};
  return imported({row}).questions.at(0).format;
}

TEST(Import, OnlyWhatIsCertainIsJudgedByRules) {
  EXPECT_EQ(format_of("<video>\nWhat is the colour of the object?", "Red."), "short");
  EXPECT_EQ(format_of("<video>\nDoes it move?", "No."), "yesno");
  EXPECT_EQ(format_of("<video>\nDoes it move?", "No, it rests."), "open");
  EXPECT_EQ(format_of("<video>\nProvide a brief description of the video.", "olive oil"), "open");
  EXPECT_EQ(format_of("<video>\nWrite a terse caption.", "A dog runs"), "open");
  EXPECT_EQ(format_of("<video>\nWhat is seen?", "A dog runs."), "open");
  EXPECT_EQ(format_of("<video>\nWhat is seen?", kGood), "open");
  EXPECT_EQ(format_of("<video>\nWhich way?\nA. up\nB. left\nAnswer with the letter.", "B. left"), "mcq");
  EXPECT_EQ(format_of("<video>\nWhich way?\n(A) up\n(B) left", "(B)"), "mcq");
  EXPECT_EQ(format_of("<video>\nWhich way?\nA. up\nB. left", "to the right side"), "open");
  EXPECT_EQ(format_of("<video>\nWhich letter is drawn?", "A"), "open");
}

}  // namespace
}  // namespace rrpo::rows
