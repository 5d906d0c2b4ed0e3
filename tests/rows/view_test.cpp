// Rows that name a clip beside their own: `other`, `other_chosen`, `other_answer`, `reference`.
#include <gtest/gtest.h>

#include "rrpo/rows/foreign.h"
#include "rrpo/rows/pair.h"
#include "rrpo/rows/question.h"
#include "rrpo/rows/row_reader.h"
#include "rrpo/util/error.h"

namespace rrpo::rows {
namespace {

Json pair_row() {
  return Json::parse(R"({"schema": "rrpo/pair@1", "id": "p", "video": "a.mp4", "clip": {"start_s": 1.0, "end_s": 2.0},
    "question": "Which way?", "chosen": {"text": "It goes left.", "spans": [[8, 12]]},
    "rejected": {"text": "It goes up.", "spans": [[8, 10]]}, "other": {"video": "b.mp4", "clip": {"end_s": 3.0}},
    "other_chosen": {"text": "It goes right.", "spans": [[8, 13]], "phrases": ["right"], "note": 1},
    "reference": {"perturb": ["reverse", {"name": "mask", "fill": "mean"}], "seed": 18446744073709551615}})");
}

Json question_row() {
  return Json::parse(R"({"id": "q", "video": "a.mp4", "question": "Which way?", "answer": "Look: it goes left.",
    "format": "short", "slots": [{"span": [14, 18], "values": ["left", "right"]}], "style": "Look: ",
    "other": {"frames": ["1.png", "2.png"], "perturb": ["reverse"], "seed": 3}, "other_answer": "Look: it goes right."})");
}

template <class Parse>
std::string fault(Parse parse, const Json& row) {
  try {
    parse(row, "f:7");
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::input);
    const std::string what = error.what();
    EXPECT_TRUE(what.starts_with("data: f:7: ")) << what;
    EXPECT_EQ(what.find('\n'), std::string::npos) << what;
    EXPECT_NE(what.find("; fix: "), std::string::npos) << what;
    return what.substr(11, what.find("; fix: ") - 11);
  }
  return "accepted";
}

std::string pair_fault(const char* pointer, const Json& value) {
  Json row = pair_row();
  row[Json::json_pointer(pointer)] = value;
  return fault(parse_pair, row);
}

std::string question_fault(const char* pointer, const Json& value) {
  Json row = question_row();
  row[Json::json_pointer(pointer)] = value;
  return fault(parse_question, row);
}

TEST(View, APairKeepsItsOtherClips) {
  const Pair pair = parse_pair(pair_row(), "x");
  ASSERT_TRUE(pair.other && pair.other_chosen && pair.reference);
  EXPECT_EQ(pair.other->media.key(), (Media{"b.mp4", {}, {}, 3.0}).key());
  EXPECT_FALSE(pair.other->perturbed());
  EXPECT_EQ(pair.other_chosen->text, "It goes right.");
  EXPECT_EQ(pair.other_chosen->spans, (std::vector<text::ByteRange>{{8, 13}}));
  EXPECT_EQ(pair.reference->media.key(), pair.media.key());  // a perturbation of the row's own clip
  EXPECT_EQ(pair.reference->perturb, pair_row()["reference"]["perturb"]);
  EXPECT_EQ(pair.reference->seed, 18446744073709551615u);
  EXPECT_EQ(nlohmann::json(pair_json(pair)), nlohmann::json(pair_row()));
  Pair moved = pair;
  moved.other_chosen->spans = {{0, 2}};
  EXPECT_EQ(pair_json(moved)["other_chosen"]["phrases"], Json::array({"It"}));
}

TEST(View, AQuestionKeepsItsOtherClip) {
  const Question question = parse_question(question_row(), "x");
  ASSERT_TRUE(question.other);
  EXPECT_EQ(question.other->media.frames.size(), 2u);
  EXPECT_EQ(question.other_answer, "Look: it goes right.");
  EXPECT_TRUE(question.extra.empty()) << question.extra;
  EXPECT_EQ(nlohmann::json(question_json(question)), nlohmann::json(question_row()));
}

TEST(View, KeysTellPicturesApart) {
  const Media media{"a.mp4", {}, {}, {}};
  const Json steps = Json::array({"mask"}), more = Json::array({"mask", "reverse"});
  const std::set<std::string> keys = {View{media}.key(), View{media, steps, 1}.key(), View{media, steps, 2}.key(),
                                      View{media, more, 1}.key(), View{{"b.mp4", {}, {}, {}}, steps, 1}.key()};
  EXPECT_EQ(keys.size(), 5u);
  EXPECT_EQ(View{media}.key(), media.key());
}

TEST(View, EachFaultIsNamed) {
  EXPECT_EQ(pair_fault("/other", Json::object()), "other shows the same pictures as the row itself");
  EXPECT_EQ(pair_fault("/other", Json{{"video", "a.mp4"}, {"clip", {{"start_s", 1}, {"end_s", 2}}}}),
            "other shows the same pictures as the row itself");
  EXPECT_EQ(pair_fault("/reference", Json{{"seed", 3}}), "reference shows the same pictures as the row itself");
  EXPECT_EQ(pair_fault("/other", Json{{"video", "a.mp4"}}), "accepted");  // another part of it
  EXPECT_EQ(pair_fault("/other", Json{{"perturb", {"mask"}}}), "accepted");
  EXPECT_EQ(pair_fault("/other", nullptr), "other_chosen is an answer about no clip");
  EXPECT_EQ(pair_fault("/other", "b.mp4"), "other is no JSON object");
  EXPECT_EQ(pair_fault("/other/vidoe", "b.mp4"), "other.vidoe is not known");
  EXPECT_EQ(pair_fault("/other/seed", -1), "other.seed is no whole number from 0");
  EXPECT_EQ(pair_fault("/other/seed", 1.5), "other.seed is no whole number from 0");
  EXPECT_EQ(pair_fault("/other/perturb", Json::array()), "other.perturb is no list of perturbations");
  EXPECT_EQ(pair_fault("/other/perturb", "mask"), "other.perturb is no list of perturbations");
  EXPECT_EQ(pair_fault("/other/clip/start", 1), "other.clip.start is not known");
  EXPECT_EQ(pair_fault("/other/frames", Json::array({"a.png"})), "give either other.video or frames");
  EXPECT_EQ(pair_fault("/other", Json{{"clip", {{"end_s", 3}}}}), "other.clip is a part of no video");
  EXPECT_EQ(pair_fault("/other", Json{{"frame_indices", {1, 2}}, {"perturb", {"mask"}}}),
            "other.frame_indices is a part of no video");
  EXPECT_EQ(pair_fault("/other_chosen/text", ""), "other_chosen.text is empty");
  EXPECT_EQ(pair_fault("/other_chosen/text", "It goes <image>."),
            "other_chosen.text holds <image>, which is no text but markup of a prompt");
  EXPECT_EQ(pair_fault("/other_chosen/spans/0", Json::array({8, 99})).find("other_chosen: span [8, 99)"), 0u);
  EXPECT_EQ(pair_fault("/other_chosen/phrases", Json::array({"left"})),
            "other_chosen.phrases are not the texts that spans cut out");
}

TEST(View, FaultsOfQuestionsAreNamed) {
  EXPECT_EQ(question_fault("/other", nullptr), "other_answer is an answer about no clip");
  EXPECT_EQ(question_fault("/other", Json{{"video", "a.mp4"}}), "other shows the same pictures as the row itself");
  EXPECT_EQ(question_fault("/other_answer", nullptr), "accepted");
  EXPECT_EQ(question_fault("/other_answer", ""), "other_answer is empty");
  EXPECT_EQ(question_fault("/other_answer", "It goes right."), "other_answer does not begin with the style and go on");
  EXPECT_EQ(question_fault("/other_answer", "Look: "), "other_answer does not begin with the style and go on");
  EXPECT_EQ(question_fault("/other_answer", "Look: it goes left."), "other_answer says what the answer says");
  EXPECT_EQ(question_fault("/other_answer", "Look: It goes left"), "other_answer says what the answer says");
  EXPECT_EQ(question_fault("/other_answer", "Look: <|im_end|>"),
            "other_answer holds <|im_end|>, which is no text but markup of a prompt");
  Json choice = Json::parse(R"({"id": "m", "video": "a.mp4", "question": "Which? (A) up (B) left", "answer": "(B) left",
    "format": "mcq", "options": [{"key": "A", "text": "up"}, {"key": "B", "text": "left"}], "other": {"video": "b.mp4"},
    "other_answer": "(A) up"})");
  EXPECT_EQ(fault(parse_question, choice), "accepted");
  choice["other_answer"] = "sideways";
  EXPECT_EQ(fault(parse_question, choice), "other_answer cannot be read");
}

// What another program means by these names is no clip of ours.
TEST(View, AnImportKeepsForeignKeysApart) {
  const Json row = {{"prompt", "Who?"},        {"chosen", "He left the room."}, {"rejected", "She left the room."},
                    {"video", "a.mp4"},        {"reference", "a man left"},     {"other", 5},
                    {"other_chosen", "nobody"}};
  const Imported imported = import_row(row, "f.json:1", {});
  ASSERT_EQ(imported.pairs.size(), 1u) << Json(imported.reasons);
  const Json& kept = imported.pairs[0].extra["made"]["row"];
  EXPECT_EQ(kept, (Json{{"reference", "a man left"}, {"other", 5}, {"other_chosen", "nobody"}}));
  EXPECT_FALSE(imported.pairs[0].other || imported.pairs[0].reference);
}

}  // namespace
}  // namespace rrpo::rows
