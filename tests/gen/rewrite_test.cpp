#include "rrpo/gen/rewrite.h"

#include <gtest/gtest.h>

#include "rrpo/util/table.h"

namespace rrpo::gen {
namespace {

const std::string kStyle = "In this video, ";

/// Rows in the notation of the toy world: `[…]` is a slot and a key phrase, `{…}` a key phrase around slots.
rows::Question question(const std::string& format, const std::string& marked, std::vector<std::vector<std::string>> values,
                        const std::string& style = "") {
  rows::Question out;
  out.format = format;
  out.style = style;
  out.answer = style;
  size_t next = 0;
  int64_t slot = 0, phrase = -1;
  for (const char c : marked) {
    const auto at = static_cast<int64_t>(out.answer.size());
    if (c == '[') slot = at;
    if (c == '{') phrase = at;
    if (c == ']') {
      out.slots.push_back({{slot, at}, values[next++]});
      if (phrase < 0) out.spans.push_back({slot, at});
    }
    if (c == '}') {
      out.spans.push_back({phrase, at});
      phrase = -1;
    }
    if (std::string("[]{}").find(c) == std::string::npos) out.answer += c;
  }
  return out;
}

std::string shown(const text::MarkedText& side) {
  std::string out = side.text;
  for (size_t i = side.spans.size(); i-- > 0;) {
    out.insert(static_cast<size_t>(side.spans[i].end), "*");
    out.insert(static_cast<size_t>(side.spans[i].begin), "*");
  }
  return out;
}

std::string rewritten(const std::string& name, const rows::Question& row, const std::string& response) {
  const rows::Judged judged = rows::judge(row, response);
  EXPECT_EQ(judged.verdict, rows::Verdict::wrong) << response << judged.reason;
  if (judged.verdict != rows::Verdict::wrong) return "";
  static const LlmFields kNone;
  judge::Dialogue nobody(kNone.chat, nullptr, "perturbed", 0);
  const Rewritten out = find_row(rewrites(), name)->apply(row, judged, response, kNone, nobody);
  if (!out.reason.empty()) return "none: " + out.reason;
  text::check_spans(out.chosen, "chosen");
  text::check_spans(out.rejected, "rejected");
  return shown(out.chosen) + " | " + shown(out.rejected);
}

const std::vector<std::string> kColours = {"red", "green", "blue", "yellow"}, kShapes = {"circle", "square", "triangle"},
                               kWays = {"up", "down", "left", "right"};

TEST(Slots, AWrongValueStandsInTheTrueSentence) {
  const rows::Question row = question("short", "the red object is a [square].", {kShapes}, kStyle);
  EXPECT_EQ(rewritten("slots", row, "The red object is a circle."),
            "In this video, the red object is a *square*. | In this video, the red object is a *circle*.");
}

TEST(Slots, OnlyWhatDiffersIsMarked) {
  const rows::Question row = question("open", "First a [red] [square] moves [left], then a [blue] [circle] moves [up].",
                                      {kColours, kShapes, kWays, kColours, kShapes, kWays});
  EXPECT_EQ(rewritten("slots", row, "First a red triangle moves left, then a yellow circle moves down."),
            "First a red *square* moves left, then a *blue* circle moves *up*. | "
            "First a red *triangle* moves left, then a *yellow* circle moves *down*.");
}

TEST(Slots, AKeyPhraseOfTwoSlotsIsMarkedWhole) {
  const rows::Question row = question("short", "the {[red] [square]} appears first.", {kColours, kShapes}, kStyle);
  EXPECT_EQ(rewritten("slots", row, "The red triangle appears first."),
            "In this video, the *red square* appears first. | In this video, the *red triangle* appears first.");
}

TEST(Slots, ASlotBehindTheStyleKeepsTheCaseOfItsLetter) {
  const rows::Question row = question("short", "[nothing].", {{"Nothing", "A red square"}}, kStyle);
  EXPECT_EQ(rewritten("slots", row, "A red square."), "In this video, *nothing*. | In this video, *a red square*.");
}

TEST(Slots, YesNoTurnsEverySlotThatSaysSo) {
  const rows::Question yes = question("yesno", "[Yes], there is [a] blue circle.", {{"Yes", "No"}, {"a", "no"}});
  EXPECT_EQ(rewritten("slots", yes, "No, there is no blue circle."),
            "*Yes*, there is *a* blue circle. | *No*, there is *no* blue circle.");
  const rows::Question no = question("yesno", "[No], there is [no] blue circle.", {{"Yes", "No"}, {"a", "no"}});
  EXPECT_EQ(rewritten("slots", no, "Yes."), "*No*, there is *no* blue circle. | *Yes*, there is *a* blue circle.");
}

TEST(Slots, AYesNoAnswerWithoutSlotsIsOneWordOrNothing) {
  EXPECT_EQ(rewritten("slots", question("yesno", "Yes.", {}), "No, it is not."), "*Yes*. | *No*.");
  EXPECT_EQ(rewritten("slots", question("yesno", "no", {}), "Yes"), "*no* | *yes*");
  EXPECT_NE(rewritten("slots", question("yesno", "Yes, there is a dog.", {}), "No").find("none: "), std::string::npos);
}

rows::Question choice(const std::string& answer) {
  rows::Question row = question("mcq", answer, {});
  row.options = {{"A", "up"}, {"B", "left"}, {"C", "right"}};
  return row;
}

TEST(Slots, AChoiceNamesTheOptionThatTheModelChose) {
  EXPECT_EQ(rewritten("slots", choice("(B) left"), "(C) right"), "*(B) left* | *(C) right*");
  EXPECT_EQ(rewritten("slots", choice("left (B)"), "right (C)"), "*left (B)* | *right (C)*");
  EXPECT_EQ(rewritten("slots", choice("(B) left"), "A"), "*(B) left* | *(A) up*");
  EXPECT_EQ(rewritten("slots", choice("B. left."), "C"), "*B. left*. | *C. right*.");
  EXPECT_EQ(rewritten("slots", choice("B"), "(A) up"), "*B* | *A*");
  EXPECT_EQ(rewritten("slots", choice("It moves left."), "(A) up"), "It moves *left*. | It moves *up*.");
}

TEST(Slots, AShortAnswerWithoutSlotsIsOnePhrase) {
  EXPECT_EQ(rewritten("slots", question("short", "a dog.", {}, kStyle), "A cat"),
            "In this video, *a dog*. | In this video, *A cat*.");
}

TEST(Raw, IsTheResponseWithItsSlotsMarked) {
  const rows::Question row = question("short", "the red object is a [square].", {kShapes}, kStyle);
  EXPECT_EQ(rewritten("raw", row, "The red object is a triangle."),
            "In this video, the red object is a *square*. | The red object is a *triangle*.");
  const rows::Question order = question("short", "the {[red] [square]} appears first.", {kColours, kShapes}, kStyle);
  EXPECT_EQ(rewritten("raw", order, "In this video, the red triangle appears first."),
            "In this video, the *red square* appears first. | In this video, the *red triangle* appears first.");
}

TEST(Raw, WithoutSlotsTheDifferingWordsAreMarked) {
  EXPECT_EQ(rewritten("raw", choice("(B) left"), "(C) right"), "*(B) left* | *(C) right*");
  const rows::Question yes = question("yesno", "[Yes], there is [a] blue circle.", {{"Yes", "No"}, {"a", "no"}});
  EXPECT_EQ(rewritten("raw", yes, "No, there is no blue circle."),
            "*Yes*, there is *a* blue circle. | *No*, there is *no* blue circle.");
}

}  // namespace
}  // namespace rrpo::gen
