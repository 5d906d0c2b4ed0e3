// Numbers of groups and runs, as the scripts of Video-MME-v2, EventHallusion and ELV-Halluc compute them on the same replies
// (scripts/oracles/scorers_groups.py).
#include <gtest/gtest.h>

#include <cmath>

#include "rrpo/eval/score.h"
#include "rrpo/rows/group.h"
#include "rrpo/util/table.h"
#include "support/temp_dir.h"

namespace rrpo::eval {
namespace {

Json golden() { return read_json(test::source_file("tests/golden/scorers/groups.json"), "test"); }

/// Questions and what was said to them.
struct Replies {
  std::vector<rows::Question> questions;
  std::vector<rows::Prediction> predictions;

  rows::Question& add(const std::string& benchmark, const std::string& format, const std::string& key) {
    rows::Question question;
    question.id = std::to_string(questions.size());
    question.media.video = question.id;
    question.format = format;
    question.item.benchmark = benchmark;
    question.item.task = benchmark;
    question.item.keys = {key};
    if (format == "mcq") question.options = {{"A", "this"}, {"B", "that"}};
    questions.push_back(question);
    return questions.back();
  }
  void said(const std::string& reply) { predictions.push_back(rows::predicted(questions.back(), reply)); }
  Scores scores(const std::string& scorer) const {
    const rows::Scorer& one = *find_row(rows::scorers(), scorer);
    return score(one, questions, rows::score_predictions(one, questions, predictions));
  }
};

TEST(Groups, CountWhatTheOriginalTablesSay) {
  const Json tables = golden().at("tables");
  EXPECT_EQ(tables.size(), 4u * 81);
  for (const Json& entry : tables) {
    std::vector<rows::Member> members;
    for (size_t i = 0; i < 4; ++i) members.push_back({std::to_string(i + 1), entry[1][i].get<int64_t>()});
    std::swap(members[0], members[3]);  // their order is that of the roles
    const bool logic = entry[0].is_string();
    const std::string structure = logic ? entry[0].get<std::string>() : "";
    const double value = rows::group_value(logic ? "logic" : "relevance", structure, members);
    EXPECT_NEAR(100 * value, entry[2].get<double>(), 1e-9) << entry.dump();
  }
}

/// Points of the script as replies: a right letter, a wrong one, no letter.
Replies mme_run(const Json& groups) {
  Replies run;
  for (size_t g = 0; g < groups.size(); ++g) {
    for (size_t i = 0; i < 4; ++i) {
      rows::Item& item = run.add("videomme_v2", "mcq", "A").item;
      const Json& structure = groups[g].at("structure");
      item.group = std::to_string(g);
      item.role = std::to_string(i + 1);
      item.rule = structure.is_null() ? "relevance" : "logic";
      if (!structure.is_null()) item.aux["group_structure"] = structure;
      item.axes = {{"level", groups[g].at("level").dump()}};
      const auto points = groups[g].at("points")[i].get<int64_t>();
      run.said(points == 1 ? "A" : points == 0 ? "B" : "no idea");
    }
  }
  return run;
}

TEST(Groups, VideoMmeV2sRunHasItsScriptsNumbers) {
  const Json made = golden().at("videomme_v2"), printed = made.at("printed");
  const Replies run = mme_run(made.at("groups"));
  const Scores official = run.scores("official"), copied = run.scores("lmms");
  EXPECT_NEAR(100 * official.overall.value, printed.at("total").get<double>(), 1e-9);
  for (const char* name : {"level_1", "level_2", "level_3", "relevance_score", "relevance_linear_score", "logic_score"})
    EXPECT_NEAR(100 * official.extra.at(name).get<double>(), printed.at(name).get<double>(), 1e-9) << name;
  // An unread reply is a link of a chain to the script, and a wrong one to its copies.
  EXPECT_LT(copied.overall.value, official.overall.value);
  EXPECT_NEAR(copied.overall.value, official.extra.at("total_unread_as_wrong").get<double>(), 1e-12);
  EXPECT_NEAR(copied.overall.value, copied.extra.at("total_unread_as_wrong").get<double>(), 1e-12);
  EXPECT_EQ(official.all.groups, static_cast<int64_t>(made.at("groups").size()));
  EXPECT_NEAR(official.all.group_accuracy(), official.overall.value, 1e-12);
  const double right = static_cast<double>(official.all.right), wrong = static_cast<double>(official.all.wrong);
  EXPECT_NEAR(official.extra.at("accuracy_of_read").get<double>(), right / (right + wrong), 1e-12);
  EXPECT_NEAR(official.extra.at("accuracy").get<double>(), official.all.accuracy(), 1e-12);
}

TEST(Groups, EventHallusionsRunHasItsScriptsNumbers) {
  const Json made = golden().at("eventhallusion");
  Replies run;
  for (const auto& [part, replies] : made.at("parts").items()) {
    for (const Json& reply : replies) {
      run.add("eventhallusion", "yesno", part == "interleave" ? "yes" : "no").item.task = part;
      run.said(reply.is_null() ? "" : reply.get<std::string>());  // to the script null is one more reply without a match
    }
  }
  const Scores official = run.scores("official");
  EXPECT_NEAR(official.overall.value, made.at("accuracy").at("overall").get<double>(), 1e-12);
  EXPECT_NEAR(official.extra.at("not_matching").get<double>(), made.at("not_matching").get<double>(), 1e-12);
  for (const Counts& part : official.types)
    EXPECT_NEAR(part.accuracy(), made.at("accuracy").at(part.name).get<double>(), 1e-12) << part.name;
}

TEST(Groups, ElvHallucsRunHasItsScriptsNumbers) {
  const Json made = golden().at("elvhalluc"), printed = made.at("printed");
  Replies run;
  for (size_t g = 0; g < made.at("groups").size(); ++g) {
    const Json& group = made.at("groups")[g];
    for (size_t i = 0; i < 3; ++i) {
      rows::Item& item = run.add("elvhalluc", "yesno", i == 0 ? "yes" : "no").item;
      item.group = std::to_string(g);
      item.role = std::vector<std::string>{"ground_truth", "in_video", "out_video"}[i];
      item.rule = "pairs";
      item.axes = {{"aspect", group.at("aspect")}};
      run.said(group.at("replies")[i].get<std::string>());
    }
  }
  const Scores official = run.scores("official");
  for (const auto& [name, percent] : printed.items())  // printed with two digits
    EXPECT_NEAR(100 * official.extra.at(name).get<double>(), percent.get<double>(), 0.00501) << name;
  const double pairs = official.extra.at("in_video").get<double>() + official.extra.at("out_video").get<double>();
  EXPECT_NEAR(official.overall.value, pairs / 2, 1e-12);
  EXPECT_EQ(official.all.groups, made.at("total").get<int64_t>());
  for (const Json& aspect : made.at("aspects")) {
    const auto name = aspect.at("aspect").get<std::string>();
    EXPECT_NEAR(100 * official.extra.at("in_video/" + name).get<double>(), aspect.at("in_video_accuracy").get<double>(),
                6e-4);
    EXPECT_NEAR(100 * official.extra.at("out_video/" + name).get<double>(), aspect.at("out_video_accuracy").get<double>(),
                6e-4);
  }
}

TEST(Groups, AGroupWithAFailedQuestionDoesNotCount) {
  Replies run = mme_run({{{"structure", "[1, 2, 3, 4]"}, {"level", 1}, {"points", {1, 1, 1, 1}}},
                         {{"structure", nullptr}, {"level", 2}, {"points", {1, 1, 0, 0}}}});
  EXPECT_NEAR(run.scores("official").overall.value, (1 + 0.25) / 2, 1e-12);
  run.predictions[0] = rows::failed(run.questions[0], "no video");
  const Scores scores = run.scores("official");
  EXPECT_NEAR(scores.overall.value, 0.25, 1e-12);
  EXPECT_EQ(scores.all.groups, 1);
  EXPECT_TRUE(scores.extra.at("level_1").is_null());
  EXPECT_TRUE(scores.extra.at("logic_score").is_null());
}

TEST(Groups, RowsMustSayWhichQuestionOfTheirGroupTheyAre) {
  const auto fault = [](const char* key, const Json& value) {
    rows::Question question =
        mme_run({{{"structure", "[1, 2, 3, 4]"}, {"level", 1}, {"points", {1, 1, 1, 1}}}}).questions[0];
    question.question = "What?";
    question.item.text = question.answer = "A";
    Json row = rows::question_json(question);
    if (std::string(key) == "aux") row["answer"]["aux"] = value;
    if (std::string(key) != "aux") row[key] = value;
    try {
      rows::parse_question(row, "q.jsonl:1");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(fault("pair_role", "4"), "");
  EXPECT_NE(fault("pair_role", "5").find("pair_role"), std::string::npos);
  EXPECT_NE(fault("pair_id", nullptr).find("pair_id"), std::string::npos);
  EXPECT_NE(fault("pair_rule", "some").find("use all, pairs, relevance, logic"), std::string::npos);
  EXPECT_NE(fault("aux", Json::object()).find("answer.aux.group_structure"), std::string::npos);
}

}  // namespace
}  // namespace rrpo::eval
