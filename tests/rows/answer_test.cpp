#include "rrpo/rows/answer.h"

#include <gtest/gtest.h>

#include "rrpo/util/error.h"

namespace rrpo::rows {
namespace {

std::string verdict(const Question& question, const std::string& response) {
  const Judged judged = judge(question, response);
  const bool read = judged.verdict == Verdict::right || judged.verdict == Verdict::wrong;
  EXPECT_EQ(judged.reason.empty(), read) << response;
  EXPECT_EQ(judged.found.empty(), !read) << response;
  EXPECT_EQ(judged.verdict == Verdict::right, read && judged.found == judged.expected) << response;
  return verdict_name(judged.verdict);
}

Question question(const std::string& format, const std::string& answer, const std::string& style = "") {
  Question out;
  out.format = format;
  out.answer = style + answer;
  out.style = style;
  return out;
}

Question mcq(const std::string& answer, const std::string& style = "") {
  Question out = question("mcq", answer, style);
  out.options = {{"A", "up"}, {"B", "left"}, {"C", "right"}, {"D", "down"}};
  return out;
}

/// A slot at the first place of `text` in the answer.
void add_slot(Question& question, const std::string& text, std::vector<std::string> values, size_t from = 0) {
  const auto begin = static_cast<int64_t>(question.answer.find(text, from));
  question.slots.push_back({{begin, begin + static_cast<int64_t>(text.size())}, std::move(values)});
}

const std::string kStyle = "In this video, ";

TEST(Mcq, ReadsLettersAndTexts) {
  const Question row = mcq("(B) left");
  for (const char* right : {"(B) left", "(B)", "B", "b", "B.", "B)", "b.", " (b) left\n", "left", "Left.", "It moves left.",
                            "The answer is B.", "The answer is (B).", "B left", "[B]", "B: left", "(B) LEFT", "Answer: B"}) {
    EXPECT_EQ(verdict(row, right), "right") << right;
  }
  for (const char* wrong : {"(A) up", "A", "a", "A.", "A up", "up", "C", "The answer is A", "(d)"}) {
    EXPECT_EQ(verdict(row, wrong), "wrong") << wrong;
  }
  for (const char* neither : {"", "yes", "(E) left right", "(A) left", "A left", "B right", "left or right", "A or B",
                              "upleft", "A man walks", "I see"}) {
    EXPECT_EQ(verdict(row, neither), "unparsed") << neither;
  }
}

TEST(Mcq, TheStyleIsIgnoredOnBothSides) {
  const Question styled = mcq("(B) left", kStyle);
  EXPECT_EQ(verdict(styled, "(B) left"), "right");
  EXPECT_EQ(verdict(styled, "In this video, (B) left"), "right");
  EXPECT_EQ(verdict(styled, "In this video, (C) right"), "wrong");
}

TEST(Mcq, TheLongestOptionCounts) {
  Question row = question("mcq", "A");
  row.options = {{"A", "a red ball"}, {"B", "ball"}, {"C", "Person A opens the door."}, {"D", "a red"}};
  const auto found = [&](const std::string& reply) { return judge(row, reply).found; };
  using Keys = std::vector<std::string>;
  EXPECT_EQ(found("It is a red ball"), Keys{"A"});
  EXPECT_EQ(found("The ball."), Keys{"B"});
  EXPECT_EQ(found("person a opens the door"), Keys{"C"});
  EXPECT_EQ(found("(C) Person A opens the door"), Keys{"C"});
  EXPECT_EQ(found("ball, a red ball"), Keys{});
  EXPECT_EQ(found("balls"), Keys{});
}

TEST(YesNo, IsAWordOfItsOwn) {
  const Question yes = question("yesno", "Yes, there is a blue circle.");
  for (const char* right : {"Yes", "yes.", "YES, it is", " Yes, there is no blue circle.", "\"Yes\"", "It is, yes"})
    EXPECT_EQ(verdict(yes, right), "right") << right;
  for (const char* wrong : {"No", "no, there is", "No."}) EXPECT_EQ(verdict(yes, wrong), "wrong") << wrong;
  for (const char* neither : {"", "There is", "Yesterday", "Not"}) EXPECT_EQ(verdict(yes, neither), "unparsed") << neither;
  const Question styled = question("yesno", "no, there is no blue circle.", kStyle);
  EXPECT_EQ(verdict(styled, "No, there is no blue circle."), "right");
  EXPECT_EQ(verdict(styled, "In this video, no, there is no blue circle."), "right");
  EXPECT_EQ(verdict(styled, "In this video, yes, there is a blue circle."), "wrong");
  EXPECT_EQ(judge(styled, "In this video, yes").found, std::vector<std::string>{"yes"});
}

TEST(Slots, TheAnswersFormWithOtherValues) {
  Question row = question("short", "The red object is a square.");
  add_slot(row, "square", {"circle", "square", "triangle"});
  EXPECT_EQ(verdict(row, "The red object is a square."), "right");
  EXPECT_EQ(verdict(row, " The red object is a square.\n"), "right");
  EXPECT_EQ(verdict(row, "The red object is a circle."), "wrong");
  EXPECT_EQ(verdict(row, "The red object is a hexagon."), "unparsed");
  const Judged judged = judge(row, "The red object is a circle.");
  EXPECT_EQ(judged.expected, std::vector<std::string>{"square"});
  EXPECT_EQ(judged.found, std::vector<std::string>{"circle"});
}

// A short answer in other words is read as one without slots is; what was read is a value of the slot all the same.
TEST(Slots, AShortAnswerInOtherWords) {
  Question row = question("short", "The red object is a square.");
  add_slot(row, "square", {"circle", "square", "triangle"});
  for (const char* right : {"square", "Square.", "a square", "It is a square.", "The red object is a square",
                            "the red object is a square.", "The red object is a square. It moves."}) {
    EXPECT_EQ(verdict(row, right), "right") << right;
  }
  for (const char* wrong :
       {"circle", "The object is a circle.", "It is a triangle", "It is not a square, it is a circle."}) {
    EXPECT_EQ(verdict(row, wrong), "wrong") << wrong;
  }
  EXPECT_EQ(judge(row, "The object is a circle.").found, std::vector<std::string>{"circle"});
  for (const char* neither : {"", "a square or a circle", "circle, triangle", "not a square", "hexagon", "I cannot tell.",
                              "Is it a square?", "Maybe a circle."}) {
    EXPECT_EQ(verdict(row, neither), "unparsed") << neither;
  }
  row.options = {{"A", "square"}, {"B", "pentagon"}};
  EXPECT_EQ(verdict(row, "a square"), "right");
  EXPECT_EQ(verdict(row, "a square or a pentagon"), "unparsed");

  Question two = question("short", "A red square.");
  add_slot(two, "red", {"red", "blue"});
  add_slot(two, "square", {"square", "circle"});
  EXPECT_EQ(verdict(two, "It is a red square"), "unparsed");
  two.slots.pop_back();
  two.format = "open";
  EXPECT_EQ(verdict(two, "red"), "unparsed");
}

TEST(Slots, StyleAndTheLetterAfterIt) {
  Question row = question("open", "the red square appears first.", kStyle);
  add_slot(row, "red square", {"red square", "blue circle"});
  for (const char* right : {"In this video, the red square appears first.", "In this video, The red square appears first.",
                            "The red square appears first.", "the red square appears first."}) {
    EXPECT_EQ(verdict(row, right), "right") << right;
  }
  EXPECT_EQ(verdict(row, "The blue circle appears first."), "wrong");
  EXPECT_EQ(verdict(row, "In that video, the red square appears first."), "unparsed");

  Question early = question("short", "red is first.", kStyle);  // a slot right behind the style
  add_slot(early, "red", {"Blue", "Red"});
  EXPECT_EQ(verdict(early, "Red is first."), "right");
  EXPECT_EQ(verdict(early, "In this video, blue is first."), "wrong");
  EXPECT_EQ(judge(early, "red is first.").found, std::vector<std::string>{"Red"});
}

TEST(Slots, SixOfThemWithValuesThatBeginAlike) {
  Question row = question("open", "First a red square moves left, then a blue circle moves up.");
  const std::vector<std::string> colours = {"red", "blue", "bluegreen"}, shapes = {"square", "circle"},
                                 ways = {"left", "up", "upwards"};
  add_slot(row, "red", colours);
  add_slot(row, "square", shapes);
  add_slot(row, "left", ways);
  add_slot(row, "blue", colours);
  add_slot(row, "circle", shapes);
  add_slot(row, "up", ways);
  const Judged judged = judge(row, "First a bluegreen circle moves upwards, then a red square moves up.");
  EXPECT_EQ(judged.verdict, Verdict::wrong);
  EXPECT_EQ(judged.found, (std::vector<std::string>{"bluegreen", "circle", "upwards", "red", "square", "up"}));
  EXPECT_EQ(judged.expected, (std::vector<std::string>{"red", "square", "left", "blue", "circle", "up"}));
}

TEST(Slots, ManyWaysToFailAreTriedOnceEach) {
  Question row = question("open", std::string(40, 'a') + "b");
  for (int64_t i = 0; i < 40; ++i) row.slots.push_back({{i, i + 1}, {"a", "aa", "aaa"}});
  EXPECT_EQ(verdict(row, std::string(80, 'a')), "unparsed");
}

TEST(Short, IgnoresCaseAndPunctuation) {
  const Question row = question("short", "Two red cars");
  for (const char* right : {"two red cars", "Two red cars.", " TWO  red-cars! ", "2 red cars"})
    EXPECT_EQ(verdict(row, right), "right") << right;
  for (const char* wrong : {"two cars", "3 red cars", "two red carsx"}) EXPECT_EQ(verdict(row, wrong), "wrong") << wrong;
  EXPECT_EQ(verdict(row, " . "), "unparsed");
  EXPECT_EQ(verdict(question("short", "3.5"), "35"), "wrong");
  EXPECT_EQ(verdict(question("short", "-5"), "5"), "wrong");
  EXPECT_EQ(verdict(question("short", "Stra\u00dfe"), "STRASSE"), "right");
  EXPECT_EQ(verdict(question("short", "caf\u00e9"), "cafe\u0301"), "right");
  EXPECT_EQ(verdict(question("short", "\u0915\u093f"), "\u0915\u093e"), "wrong");  // vowel signs are no punctuation
}

TEST(Open, WithoutSlotsIsNotJudgedHere) { EXPECT_EQ(verdict(question("open", "A man."), "A man."), "unjudged"); }

}  // namespace
}  // namespace rrpo::rows
