// The scorers on questions that are not multiple choice with one right option: the vectors of the specification, and our own
// two.
#include <gtest/gtest.h>

#include "rrpo/rows/scene.h"
#include "rrpo/rows/verdict_replies.h"
#include "scorers_support.h"

namespace rrpo::rows {
namespace {

Question tempcompass(const std::string& format, const Keys& lines, size_t right, const Keys& keys) {
  Question out;
  out.format = format;
  out.question = "Which?";
  for (size_t i = 0; i < lines.size(); ++i) {
    out.question += "\n" + lines[i];
    out.options.push_back({keys[i], lines[i].substr(lines[i].find(format == "mcq" ? ". " : ": ") + 2)});
  }
  out.item.benchmark = "tempcompass";
  out.item.keys = {keys[right]};
  out.item.text = lines[right];
  out.item.options_inline = true;
  out.answer = lines[right];
  return out;
}

TEST(TempCompass, Choices) {
  const Question row = tempcompass("mcq", {"A. passing", "B. dunking", "C. waiting"}, 1, {"A", "B", "C"});
  for (const char* right : {"B", "B.", "B. x", "B) x", "B</s>"})
    EXPECT_EQ(verdict("official", row, right), "right") << right;
  EXPECT_EQ(verdict("official", row, "C"), "wrong");
  for (const char* judge : {"(B)", "(B) dunking", "b", "B: dunking", "dunking"})
    EXPECT_EQ(verdict("official", row, judge), "unjudged") << judge;
  EXPECT_EQ(verdict("rrpo", row, "B"), "unjudged") << "LLaVA's wrapping";
  EXPECT_EQ(verdict("rrpo", row, "B."), "right");
  EXPECT_EQ(verdict("rrpo_longvu", row, "B"), "right");
  EXPECT_EQ(verdict("lmms", row, "B</s>"), "unjudged");
  EXPECT_EQ(verdict("vlmeval", row, "(B)"), "unparsed");
}

TEST(TempCompass, Captions) {
  const Question row = tempcompass("caption_match", {"Caption A: A man runs.", "Caption B: A man sits."}, 1, {"A", "B"});
  for (const char* right : {"B", "B.", "Caption B", "Caption B.", "A man sits.", "(B) A man sits."})
    EXPECT_EQ(verdict("official", row, right), "right") << right;
  EXPECT_EQ(verdict("official", row, "A"), "wrong");
  EXPECT_EQ(found("official", row, "A"), "A");
  for (const char* judge : {"(B)", "caption b", "Option 2", "B: A man sits.", "(B) Caption B: A man sits."})
    EXPECT_EQ(verdict("official", row, judge), "unjudged") << judge;
  for (const char* right : {"B", "Caption B", "A man sits.", "The better one is caption B.", "Caption B: A man sits."})
    EXPECT_EQ(verdict("ours", row, right), "right") << right;
  EXPECT_EQ(verdict("ours", row, "Caption A"), "wrong");
  EXPECT_EQ(verdict("ours", row, "Caption A or caption B"), "unparsed");
  const Question numbers = tempcompass("caption_match", {"Option 1: It falls.", "Option 2: It rises."}, 0, {"1", "2"});
  for (const char* name : {"ours", "strict", "official"}) {
    EXPECT_EQ(verdict(name, numbers, "1"), "right") << name;
    EXPECT_EQ(verdict(name, numbers, "2"), "wrong") << name;
  }
  EXPECT_EQ(verdict("ours", numbers, "Option 1"), "right");
  EXPECT_EQ(verdict("ours", of_format("caption_gen", {"B"}, "B. x"), "A man sits."), "unjudged");
}

TEST(Judges, Words) {
  EXPECT_EQ(read_correctness("Incorrect. Not Correct"), false);
  EXPECT_EQ(read_correctness("correct"), std::nullopt);
  EXPECT_EQ(judge_captioning("Answer: B. dunking", "B. dunking").verdict, Verdict::right);
  EXPECT_EQ(judge_captioning("Answer: B. dunking (U.S.A. B.)", "B. dunking").verdict, Verdict::wrong);
  EXPECT_EQ(judge_captioning("", "B. dunking").verdict, Verdict::unjudged);
}

TEST(VidHalluc, Sets) {
  Question row = mcq("vidhalluc", {"running", "jumping", "waiting", "walking"}, "AC");
  row.format = "mcq_set";
  row.item.keys = {"A", "C"};
  EXPECT_EQ(found("official", row, "(A) running"), "A");
  EXPECT_EQ(found("official", row, "A person is running"), "A");
  for (const char* both : {"A, C", "(A)(C)"}) EXPECT_EQ(verdict("official", row, both), "right") << both;
  for (const char* none : {"AB", "ACD", "a"}) EXPECT_EQ(verdict("official", row, none), "unparsed") << none;
  EXPECT_EQ(found("official", row, "He is running and jumping"), "A");
  for (const char* right : {"AC", "A, C", "A and C", "(A) and (C)", "(A)(C)", "C, A", "The answers are A and C.",
                            "The answers are AC.", "A. running\nC. waiting", "running and waiting", "A and C. B is wrong."})
    EXPECT_EQ(verdict("ours", row, right), "right") << right;
  for (const char* wrong : {"A", "AB", "A, B, C", "running", "The answer is D.", "ABCD"})
    EXPECT_EQ(verdict("ours", row, wrong), "wrong") << wrong;
  for (const char* neither :
       {"", "I do not know.", "Maybe A and C", "A person is there", "A or C?", "The answer is A. Perhaps C."})
    EXPECT_EQ(verdict("ours", row, neither), "unparsed") << neither;
  for (const char* right : {"AC", "A, C", "CA", "A C", "(AC)", "A,C."})
    EXPECT_EQ(verdict("strict", row, right), "right") << right;
  EXPECT_EQ(verdict("strict", row, "A"), "wrong");
  for (const char* neither : {"A and C", "ac", "AAC", "AE", ""})
    EXPECT_EQ(verdict("strict", row, neither), "unparsed") << neither;
}

TEST(VidHalluc, Scenes) {
  Question row = of_format("scene_change", {"yes"}, "Yes");
  row.item.benchmark = "vidhalluc";
  EXPECT_EQ(verdict("official", row, "Scene change: Yes, Location: from a to b."), "right");
  EXPECT_EQ(verdict("official", row, "Scene change: Yes."), "wrong");
  EXPECT_EQ(verdict("ours", row, "Scene change: Yes."), "right");
  EXPECT_EQ(verdict("ours", row, "**Scene change:** No, Locations: None"), "wrong");
  EXPECT_EQ(verdict("ours", row, "Scene change: maybe"), "unparsed");
  EXPECT_EQ(verdict("ours", row, "Yes, from a to b."), "right");
  EXPECT_EQ(verdict("strict", row, "Scene change: Yes, Locations: from a to b."), "right");
  EXPECT_EQ(verdict("strict", row, "No."), "wrong");
  EXPECT_EQ(verdict("strict", row, "There is one: yes"), "unparsed");
  EXPECT_EQ(scene_pair("from going to town to home."), (ScenePair{"going", "town to home"}));
  EXPECT_EQ(scene_pair("from a to b"), std::nullopt);
  EXPECT_NEAR(scene_score(0.6), 0.213602, 5e-7);
  EXPECT_NEAR(scene_score(0.75), 0.522281, 5e-7);
  EXPECT_NEAR(scene_score(0.9), 0.814832, 5e-7);
}

TEST(VidHalluc, SceneScores) {
  const SceneScores scores = scene_scores({2, 1, 1, 1, scene_score(0.9) + scene_score(0.75) + scene_score(1)});
  EXPECT_NEAR(scores.mcc, 0.166667, 5e-7);
  EXPECT_NEAR(scores.classification, 0.340278, 5e-7);
  EXPECT_NEAR(scores.description, 0.584278, 5e-7);
  EXPECT_NEAR(scores.overall, 0.437878, 5e-7);
  const SceneScores constant = scene_scores({0, 3, 0, 2, 0});
  EXPECT_EQ(constant.mcc, 0);
  EXPECT_DOUBLE_EQ(constant.overall, 0.15);
}

TEST(Strict, BareLettersAndWords) {
  const Question row = mcq("mvbench", {"x", "y"}, "y");
  for (const char* right : {"B", " B\n", "B.", "(B)", "[B]", "(B)."})
    EXPECT_EQ(verdict("strict", row, right), "right") << right;
  EXPECT_EQ(verdict("strict", row, "A"), "wrong");
  for (const char* neither : {"b", "B)", "C", "y", "(B) y", "B..", "", "B, A", "()"})
    EXPECT_EQ(verdict("strict", row, neither), "unparsed") << neither;
  const Question word = of_format("yesno", {"yes"}, "yes");
  for (const char* right : {"yes", "Yes.", "YES", "(Yes)"}) EXPECT_EQ(verdict("strict", word, right), "right") << right;
  EXPECT_EQ(verdict("strict", word, "no"), "wrong");
  EXPECT_EQ(verdict("strict", word, "Yes, it is"), "unparsed");
  Question own = mcq("", {"left", "right"}, "");
  own.answer = "(B) right";
  EXPECT_EQ(verdict("strict", own, "B"), "right") << "a row of one's own";
  EXPECT_EQ(verdict("strict", own, "A"), "wrong");
}

}  // namespace
}  // namespace rrpo::rows
