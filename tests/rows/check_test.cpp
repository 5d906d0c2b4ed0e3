#include "rrpo/rows/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rrpo/util/error.h"

namespace rrpo::rows {
namespace {

using testing::ElementsAre;

constexpr const char* kPair =
    R"({"id": "p", "video": "a.mp4", "question": "Who?", "chosen": {"text": "He left.", "spans": []}, "rejected": {"text": "She left.", "spans": []}})";

std::vector<std::string> places(const CheckedRows& checked) {
  std::vector<std::string> out;
  for (const RowFault& fault : checked.faults) out.push_back(fault.place + " " + fault.what + "|" + fault.fix);
  return out;
}

TEST(Check, ListsEveryFaultWithItsPlaceAndGoesOn) {
  const std::string text =
      std::string(kPair) + "\n{broken\n" + R"({"id": "q", "video": "a.mp4", "question": "Who?", "answer": "He."})" + "\n" +
      R"({"messages": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "He"}],)" +
      R"( "rejected_response": "", "videos": ["b.mp4"]})" + "\n" + kPair + "\n" +
      R"({"id": "t", "video": "b.mp4", "question": "<image>Who?", "answer": "No.", "format": "yesno"})" + "\n" +
      R"({"id": "u", "video": "b.mp4", "question": "Who?", "answer": "No.", "format": "yesno"})";
  CheckRules rules;
  int64_t looked = 0;
  rules.media = [&](const Media& media) {
    ++looked;
    if (media.video == "b.mp4") throw Error(Fault::input, "data", "b.mp4: no such file below /x", "put it there");
  };
  const CheckedRows checked = check_rows(text, "f.jsonl", rules);
  const std::vector<std::string> found = places(checked);
  ASSERT_EQ(found.size(), 6u) << testing::PrintToString(found);
  EXPECT_TRUE(found[0].starts_with("f.jsonl:2 "));
  EXPECT_EQ(found[1], "f.jsonl:3 format is missing|add it");
  EXPECT_EQ(found[2], "f.jsonl:4 rejected_response is empty|write what it should say, or remove the row");
  EXPECT_EQ(found[3], "f.jsonl:5 id 'p' occurs twice in the file|give every row its own id");
  EXPECT_TRUE(found[4].starts_with("f.jsonl:6 question holds <image>")) << found[4];
  EXPECT_EQ(found[5], "f.jsonl:7 b.mp4: no such file below /x|put it there");
  EXPECT_EQ(looked, 2);
  EXPECT_EQ(checked.rows, 6);
  EXPECT_EQ(checked.pairs, 2);
  EXPECT_EQ(checked.questions, 1);
  const Json json = check_json(checked);
  EXPECT_EQ(json["faults"].size(), 6u);
  EXPECT_EQ(json["faults"][1]["place"], "f.jsonl:3");
  EXPECT_EQ(json["formats"]["pair"], 2);
}

Json with_other(const char* id, const Json& other) {
  Json row = Json::parse(kPair);
  row["id"] = id;
  row["other"] = other;
  return row;
}

// The media and the perturbations of other clips are looked at once, and each row that names an unsound one has that fault.
TEST(Check, LooksAtTheOtherClipsOfRows) {
  const Json bad = {{"perturb", {"msk"}}}, gone = {{"video", "gone.mp4"}, {"perturb", {"mask"}}};
  Json reference = Json::parse(kPair);
  reference["reference"] = {{"video", "b.mp4"}, {"perturb", {"mask"}}, {"seed", 2}};
  Json same = with_other("same", {{"video", "b.mp4"}});
  same["other_chosen"] = {{"text", "He left."}, {"spans", Json::array()}};
  std::string text;
  for (const Json& row : {with_other("a", bad), with_other("b", gone), with_other("c", bad), reference, same})
    text += row.dump() + "\n";
  text +=
      R"({"id": "q", "video": "a.mp4", "question": "Who?", "answer": "He.", "format": "short", "other": {"video": "gone.mp4"}})";
  CheckRules rules;
  std::vector<std::string> media, views;
  rules.media = [&](const Media& one) {
    media.push_back(one.video);
    if (one.video == "gone.mp4") throw Error(Fault::input, "data", "gone.mp4: no such file", "put it there");
  };
  rules.perturbed = [&](const View& view, const std::string& at) {
    views.push_back(at + " " + view.media.video);
    if (view.perturb == Json::array({"msk"})) throw Error(Fault::input, "data", at + "[0].name: none", "mask");
  };
  const CheckedRows checked = check_rows(text, "f.jsonl", rules);
  EXPECT_THAT(places(checked),
              ElementsAre("f.jsonl:1 other.perturb[0].name: none|mask", "f.jsonl:2 gone.mp4: no such file|put it there",
                          "f.jsonl:3 other.perturb[0].name: none|mask",
                          "f.jsonl:5 other_chosen and chosen are the same text|name another clip whose answer differs",
                          "f.jsonl:6 gone.mp4: no such file|put it there"));
  EXPECT_THAT(media, ElementsAre("a.mp4", "gone.mp4", "b.mp4"));
  EXPECT_THAT(views, ElementsAre("other.perturb a.mp4", "reference.perturb b.mp4"));
  EXPECT_EQ(checked.media, 3);
}

TEST(Check, ASoundFileOfAnyFormatHasNoFault) {
  const Json foreign = Json::parse(
      R"([{"prompt": "Who?", "chosen": "He left the room.", "rejected": "She left the room.", "video": "a.mp4", "tools": [1]}])");
  const CheckedRows checked = check_rows(foreign.dump(), "f.json", {});
  EXPECT_THAT(places(checked), ElementsAre());
  EXPECT_EQ(checked.pairs, 1);
  EXPECT_EQ(checked.formats.at("trl"), 1);
  EXPECT_EQ(check_json(checked)["notes"].size(), checked.notes.size());
  EXPECT_FALSE(checked.notes.empty());
}

}  // namespace
}  // namespace rrpo::rows
