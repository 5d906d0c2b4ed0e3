// The scorers on multiple choice: the vectors of the specification.
#include <gtest/gtest.h>

#include "scorers_support.h"

namespace rrpo::rows {
namespace {

TEST(Scorers, AreListedInOrder) {
  Keys names;
  for (const Scorer& one : scorers()) {
    names.push_back(one.name);
    EXPECT_FALSE(one.help.empty() || one.revision.empty()) << one.name;
  }
  EXPECT_EQ(names, (Keys{"ours", "strict", "official", "rrpo", "rrpo_longvu", "lmms", "vlmeval"}));
}

TEST(Scorers, ServeOnlyWhatTheyHaveRulesFor) {
  const Question own = mcq("", {"left", "right"}, "left");
  for (const Scorer& one : scorers()) EXPECT_EQ(one.serves(own), one.name == "ours" || one.name == "strict") << one.name;
  EXPECT_FALSE(scorer("official").serves(mcq("videomme", {"x", "y"}, "x")));
  EXPECT_FALSE(scorer("official").serves(mcq("longvideobench", {"x", "y"}, "x")));
  EXPECT_FALSE(scorer("vlmeval").serves(mcq("tvbench", {"x", "y"}, "x")));
  Question open = own;
  open.format = "open";
  EXPECT_FALSE(scorer("strict").serves(open));
  EXPECT_EQ(verdict("lmms", own, "A"), "unparsed") << "no rule";
}

TEST(Rrpo, FirstLetter) {
  const Question row = mcq("tvbench", {"x", "foo", "y", "z"}, "foo");
  for (const char* right : {"(B)", "(B", "(B) x", "B", "B.", "b", "(b)", "[B]", "((B)", "Both", "Best option: B"})
    EXPECT_EQ(verdict("rrpo", row, right), "right") << right;
  for (const char* wrong : {"The answer is B.", "Answer: B", "option (B)", "Moving left"})
    EXPECT_EQ(verdict("rrpo", row, wrong), "wrong") << wrong;
  for (const char* nothing : {"42", "(", "", "\u017f B"}) EXPECT_EQ(verdict("rrpo", row, nothing), "unparsed") << nothing;
  EXPECT_EQ(found("rrpo", row, "The answer is B."), "T");
  EXPECT_EQ(found("rrpo", row, "\u212a"), "K");
}

// The answer is no option: the line becomes `(@) casting …`, whose first letter is a C.
TEST(Rrpo, AnAnswerThatIsNoOption) {
  const Question row = mcq("mlvu", {"w", "x", "y", "z"}, "casting");
  EXPECT_TRUE(row.item.keys.empty());
  EXPECT_EQ(verdict("rrpo", row, "C"), "right");
  EXPECT_EQ(verdict("rrpo", row, "B"), "wrong");
  EXPECT_EQ(verdict("rrpo_longvu", row, "C"), "wrong");
  EXPECT_EQ(verdict("official", row, "C"), "wrong");
  EXPECT_EQ(verdict("official", row, "@)"), "right");
  EXPECT_EQ(verdict("lmms", row, "C"), "wrong");
  EXPECT_EQ(verdict("strict", row, "C"), "wrong");
}

TEST(Scorers, AnAnswerThatStandsTwice) {
  const Question row = mcq("mlvu", {"up", "left", "down", "left"}, "left");
  for (const char* last : {"official", "rrpo", "rrpo_longvu"}) {
    EXPECT_EQ(verdict(last, row, "D)"), "right") << last;
    EXPECT_EQ(verdict(last, row, "B)"), "wrong") << last;
  }
  EXPECT_EQ(verdict("lmms", row, "B"), "right");
  EXPECT_EQ(verdict("lmms", row, "D"), "wrong");
  EXPECT_EQ(verdict("vlmeval", row, "D)"), "right");
  EXPECT_EQ(verdict("vlmeval", row, "B) it is"), "right")
      << "the letter in front is the last one's, the inferred one the first's";
  for (const char* either : {"ours", "strict"}) {
    EXPECT_EQ(verdict(either, row, "B"), "right");
    EXPECT_EQ(verdict(either, row, "D"), "right");
  }
}

TEST(Rrpo, VideoMmeLetter) {
  const Question row = mcq("videomme", {"w", "x", "y", "z"}, "x");
  for (const auto& [reply, letter] : std::vector<std::pair<const char*, const char*>>{{"B", "B"},
                                                                                      {"The best answer is B", "B"},
                                                                                      {"The correct option is D", "D"},
                                                                                      {"Answer: C", "C"},
                                                                                      {"Option: A", "A"},
                                                                                      {"[C].", "C"},
                                                                                      {"The answer is: A or B", "A"},
                                                                                      {"Best option: C", "B"},
                                                                                      {"Best answer: C", "B"},
                                                                                      {"Based on the video, C", "B"},
                                                                                      {"Correct answer: D", "C"},
                                                                                      {"Dog", "D"}})
    EXPECT_EQ(found("rrpo", row, reply), letter) << reply;
  for (const char* nothing : {"I think it is c", "E", ""}) EXPECT_EQ(verdict("rrpo", row, nothing), "dropped") << nothing;
}

TEST(RrpoLongvu, LettersAndStaleOnes) {
  const Question row = mcq("mvbench", {"w", "x", "y", "z"}, "x");
  for (const auto& [reply, letter] : std::vector<std::pair<const char*, const char*>>{{"B", "B"},
                                                                                      {"(B)", "B"},
                                                                                      {"(B) foo", "B"},
                                                                                      {"B.", "B"},
                                                                                      {"Answer: C", "C"},
                                                                                      {" D", "D"},
                                                                                      {"AB", "A"},
                                                                                      {"The A", "A"}})
    EXPECT_EQ(found("rrpo_longvu", row, reply), letter) << reply;
  for (const char* stale : {"B, foo", "(B), foo", ", B"}) {
    const Judged judged = scorer("rrpo_longvu").apply(row, stale);
    EXPECT_EQ(judged.verdict, Verdict::unparsed);
    EXPECT_NE(judged.reason.find("the sample before"), std::string::npos) << stale;
  }
  for (const char* nothing : {"foo", "E"}) {
    const Judged judged = scorer("rrpo_longvu").apply(row, nothing);
    EXPECT_EQ(judged.verdict, Verdict::unparsed);
    EXPECT_EQ(judged.reason.find("the sample before"), std::string::npos) << nothing;
  }
}

TEST(Lmms, Letters) {
  const Question row = mcq("videomme", {"w", "x", "y", "z"}, "x");
  for (const auto& [reply, letter] : std::vector<std::pair<const char*, const char*>>{{"Best option: C", "C"},
                                                                                      {"Based on the video, C", "C"},
                                                                                      {"A or B", "A"},
                                                                                      {"A person rides a Bike", "A"},
                                                                                      {"Bob", "B"},
                                                                                      {"E", ""}})
    EXPECT_EQ(found("lmms", row, reply), letter) << reply;
  EXPECT_EQ(verdict("lmms", row, "E"), "unparsed");
  const Question clip = mcq("tvbench", {"moving right", "moving left"}, "moving left");
  for (const auto& [reply, letter] :
       std::vector<std::pair<const char*, const char*>>{{"I see A thing", ""}, {"a dog", "A"}, {"moving left", "B"}})
    EXPECT_EQ(found("lmms", clip, reply), letter) << reply;
  EXPECT_EQ(found("lmms", mcq("mvbench", {"x", "y"}, "x"), "A man B"), "A");
  EXPECT_EQ(verdict("lmms", mcq("mvbench", {"x", "y"}, "x"), ""), "dropped");
  EXPECT_EQ(verdict("lmms", mcq("mvbench", {"x", "y"}, "x"), " "), "unparsed");
  EXPECT_EQ(verdict("lmms", mcq("longvideobench", {"x", "y"}, "x"), "none"), "random");
}

// A published answer that is a number is taken for a place.
TEST(Lmms, TvbenchCounts) {
  const Question row = mcq("tvbench", {"1", "2", "3", "4"}, "2");
  EXPECT_EQ(row.item.keys, Keys{"B"});
  EXPECT_EQ(verdict("lmms", row, "C"), "right");
  EXPECT_EQ(verdict("lmms", row, "B"), "wrong");
  EXPECT_EQ(verdict("rrpo", row, "B"), "right");
}

TEST(Official, NotebookFitsPartsOfTheLetter) {
  const Question row = mcq("mvbench", {"x", "y"}, "y");
  for (const char* right : {"b", "(B", "B)", "B.", "(b) y", "(", ")", "", "((b)) y"})
    EXPECT_EQ(verdict("official", row, right), "right") << right;
  EXPECT_EQ(found("official", row, "(a) x"), "A");
  for (const char* nothing : {"B:", "The answer is B", " B ."})
    EXPECT_NE(verdict("official", row, nothing), "wrong") << nothing;
}

TEST(Vlmeval, Inference) {
  const Question row = mcq("mlvu", {"a red cup", "a blue cup", "a box"}, "a blue cup");
  for (const char* right :
       {"B", "(B)", "The answer is **B**, for it is so and not otherwise", "a blue cup", "It is B.", "(B) a red cup"})
    EXPECT_EQ(verdict("vlmeval", row, right), "right") << right;
  EXPECT_EQ(found("vlmeval", row, "The box is not B but it goes on and on"), "") << "not among the last four words";
  EXPECT_EQ(verdict("vlmeval", row, "A or B"), "unparsed");
  EXPECT_EQ(verdict("vlmeval", row, "Cannot determine the answer B"), "unparsed");
  EXPECT_EQ(found("vlmeval", mcq("videomme", {"w", "x", "y", "z"}, "x"), "The correct answer C"), "C");
  EXPECT_EQ(verdict("vlmeval", mcq("mvbench", {"x", "y"}, "x"), ""), "right") << "an empty reply is part of `(a)`";
}

}  // namespace
}  // namespace rrpo::rows
