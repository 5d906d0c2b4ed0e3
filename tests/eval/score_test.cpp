#include "rrpo/eval/score.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "rrpo/eval/report.h"
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

const rows::Scorer& ours() { return rows::scorers().front(); }

Scores scores_of(const std::vector<rows::Question>& asked, const std::vector<rows::Prediction>& said) {
  return score(ours(), asked, rows::score_predictions(ours(), asked, said));
}

TEST(Score, EveryQuestionEndsInOneCount) {
  const Scores scores = scores_of(questions(), predictions());
  EXPECT_EQ(scores.all.questions, 5);
  EXPECT_EQ(scores.all.right, 2);
  EXPECT_EQ(scores.all.wrong, 1);
  EXPECT_EQ(scores.all.unparsed, 1);
  EXPECT_EQ(scores.all.failed, 1);
  EXPECT_EQ(scores.videos, 5);
  EXPECT_NEAR(scores.all.accuracy(), 2.0 / 4, 1e-12);  // what failed does not count, what is unparsed does
}

// Captions: 1 + 2 + 0 of 6 slots. Mean over types: (1/1 + 3/6) / 2.
TEST(Score, CaptionsCountSlots) {
  const Scores scores = scores_of(questions(), predictions());
  ASSERT_EQ(scores.types.size(), 2u);
  EXPECT_EQ(scores.types[1].right_slots, 3);
  EXPECT_EQ(scores.types[1].slots, 6);
  EXPECT_NEAR(scores.mean_over_types(), 0.75, 1e-12);
  const Json json = scores_json({scores}).at("ours");
  EXPECT_EQ(json["groups"]["format"]["yesno"]["failed"], 1);
  EXPECT_NEAR(json["tasks"]["cap"]["accuracy"].get<double>(), 1.0 / 3, 1e-12);
  EXPECT_NEAR(json["overall"]["value"].get<double>(), 0.5, 1e-12);
  EXPECT_EQ(json["n"], 5);
  EXPECT_FALSE(json["revision"].get<std::string>().empty());
}

TEST(Score, EveryTableShowsWhatDoesNotCount) {
  const std::vector<rows::Scored> verdicts = rows::score_predictions(ours(), questions(), predictions());
  const Scores scores = score(ours(), questions(), verdicts);
  const Evaluation evaluation = evaluate(questions(), predictions(), {"ours"}, {});
  for (const std::string& text :
       {report::text_table(scores_table(scores)), report_markdown(evaluation, {"t", Json::object()}),
        report_page(evaluation, {"t", Json::object()})}) {
    for (const char* column : {"answered", "unparsed", "unjudged", "failed", "missing"})
      EXPECT_NE(text.find(column), std::string::npos) << column;
  }
}

/// Questions with one kind of reply each, scored.
struct Scored {
  Scores scores;
  std::string warnings, table;
};

Scored all_say(const std::function<rows::Prediction(const rows::Question&)>& say, const std::string& format = "yesno") {
  std::vector<rows::Question> asked = {question("1", format, "Yes", "exist"), question("2", format, "No", "exist")};
  std::vector<rows::Prediction> said;
  for (const rows::Question& one : asked) said.push_back(say(one));
  const std::vector<rows::Scored> verdicts = rows::score_predictions(ours(), asked, said);
  Scored out{score(ours(), asked, verdicts), "", ""};
  for (const std::string& warning : score_warnings(out.scores, verdicts)) out.warnings += warning + "\n";
  out.table = report::text_table(scores_table(out.scores));
  return out;
}

// Once 0.0 %, as if it were a score.
TEST(Score, WithoutAnAnsweredQuestionThereIsNone) {
  const Scored unread = all_say([](const rows::Question& one) { return rows::predicted(one, "!!!!"); });
  const Scored failed = all_say([](const rows::Question& one) { return rows::failed(one, "video: broken"); });
  const Scored unjudged = all_say([](const rows::Question& one) { return rows::predicted(one, "A dog."); }, "open");
  for (const Scored* scored : {&unread, &failed, &unjudged}) {
    EXPECT_TRUE(std::isnan(scored->scores.all.accuracy()));
    EXPECT_TRUE(std::isnan(scored->scores.mean_over_types()));
    EXPECT_EQ(scored->table.find("0.0"), std::string::npos) << scored->table;
    EXPECT_TRUE(scores_json({scored->scores})["ours"]["overall"]["value"].is_null());
    EXPECT_TRUE(summary_json(scored->scores)["accuracy"].is_null());
  }
  EXPECT_NE(unread.warnings.find("no reply could be read"), std::string::npos) << unread.warnings;
  EXPECT_NE(unread.warnings.find("!!!!"), std::string::npos) << unread.warnings;
  EXPECT_NE(failed.warnings.find("no question got a reply"), std::string::npos) << failed.warnings;
  EXPECT_NE(unjudged.warnings.find("unjudged"), std::string::npos) << unjudged.warnings;
  const Scored half = all_say(
      [](const rows::Question& one) { return one.id == "1" ? rows::predicted(one, "Yes") : rows::predicted(one, "hm"); });
  EXPECT_NEAR(half.scores.all.accuracy(), 0.5, 1e-12);
  EXPECT_EQ(half.warnings, "");
}

TEST(Score, CountsQuestionsWithoutAPrediction) {
  auto rows = predictions();
  rows.pop_back();
  const Scores scores = scores_of(questions(), rows);
  EXPECT_EQ(scores.all.missing, 1);
  EXPECT_NEAR(scores.all.accuracy(), 2.0 / 4, 1e-12);
}

TEST(Score, RefusesAnotherSetOfPredictions) {
  auto rows = predictions();
  rows.push_back(rows.front());
  EXPECT_THROW(scores_of(questions(), rows), Error);  // twice
  rows.pop_back();
  rows.push_back(rows::predicted(question("9", "yesno", "Yes", "exist"), "Yes"));
  EXPECT_THROW(scores_of(questions(), rows), Error);  // one is foreign
}

}  // namespace
}  // namespace rrpo::eval
