#include "rrpo/eval/score.h"

#include <gtest/gtest.h>

#include "rrpo/util/error.h"

namespace rrpo::eval {
namespace {

rows::Question question(const std::string& id, const std::string& format, const std::string& answer,
                        const std::string& type) {
  rows::Question out;
  out.id = id;
  out.media.video = "v" + id;
  out.format = format;
  out.question = "?";
  out.answer = answer;
  out.tags = {{"type", type}};
  return out;
}

/// Two slots: a colour and a shape.
rows::Question caption(const std::string& id) {
  rows::Question out = question(id, "open", "A red square.", "cap");
  out.slots = {{{2, 5}, {"red", "blue"}}, {{6, 12}, {"square", "circle"}}};
  return out;
}

std::vector<rows::Question> questions() {
  return {question("1", "yesno", "Yes", "exist"), question("2", "yesno", "No", "exist"), caption("3"), caption("4"),
          caption("5")};
}

std::vector<rows::Prediction> predictions() {
  const auto rows = questions();
  return {rows::predicted(rows[0], "Yes."), rows::failed(rows[1], "video: broken"),
          rows::predicted(rows[2], "A red circle."), rows::predicted(rows[3], "A red square."),
          rows::predicted(rows[4], "nonsense")};
}

TEST(Score, EveryQuestionEndsInOneCount) {
  const Scores scores = score(questions(), predictions());
  EXPECT_EQ(scores.all.questions, 5);
  EXPECT_EQ(scores.all.right, 2);
  EXPECT_EQ(scores.all.wrong, 1);
  EXPECT_EQ(scores.all.unparsed, 1);
  EXPECT_EQ(scores.all.failed, 1);
  EXPECT_EQ(scores.videos, 5);
  EXPECT_NEAR(scores.all.accuracy(), 2.0 / 5, 1e-12);
}

// Captions: 1 + 2 + 0 of 6 slots. Mean over types: (1/2 + 3/6) / 2.
TEST(Score, CaptionsCountSlots) {
  const Scores scores = score(questions(), predictions());
  ASSERT_EQ(scores.types.size(), 2u);
  EXPECT_EQ(scores.types[1].right_slots, 3);
  EXPECT_EQ(scores.types[1].slots, 6);
  EXPECT_NEAR(scores.mean_over_types(), 0.5, 1e-12);
  const Json json = scores_json(scores);
  EXPECT_EQ(json["by_format"]["yesno"]["failed"], 1);
  EXPECT_NEAR(json["by_type"]["cap"]["accuracy"].get<double>(), 1.0 / 3, 1e-12);
}

TEST(Score, EveryTableShowsWhatIsUnparsedAndFailed) {
  const Scores scores = score(questions(), predictions());
  for (const std::string& text : {report::text_table(scores_table(scores)), scores_markdown(scores, "t"),
                                  scores_page(scores, questions(), predictions(), "t", Json::object())}) {
    EXPECT_NE(text.find("unparsed"), std::string::npos);
    EXPECT_NE(text.find("failed"), std::string::npos);
  }
}

TEST(Score, RefusesAnotherSetOfPredictions) {
  auto rows = predictions();
  rows.push_back(rows.front());
  EXPECT_THROW(score(questions(), rows), Error);  // twice
  rows.pop_back();
  rows.pop_back();
  EXPECT_THROW(score(questions(), rows), Error);  // one is missing
  rows.push_back(rows::predicted(question("9", "yesno", "Yes", "exist"), "Yes"));
  EXPECT_THROW(score(questions(), rows), Error);  // one is foreign
}

}  // namespace
}  // namespace rrpo::eval
