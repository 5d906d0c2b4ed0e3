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
