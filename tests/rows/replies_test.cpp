// Replies of many forms, each with the verdict of a careful person.
#include <gtest/gtest.h>

#include <map>

#include "rrpo/rows/scorer.h"
#include "rrpo/util/json_file.h"
#include "support/temp_dir.h"

namespace rrpo::rows {
namespace {

std::filesystem::path fixture(const std::string& name) { return test::source_file("tests/fixtures/" + name); }

Question question_of(const Json& row) {
  Question out;
  out.format = row.at("format").get<std::string>();
  out.question = row.at("question").get<std::string>();
  out.answer = row.at("answer").get<std::string>();
  for (const Json& option : row.at("options"))
    out.options.push_back({option.at("key").get<std::string>(), option.at("text").get<std::string>()});
  return out;
}

struct Tally {
  int64_t rows = 0, as_wanted = 0;
  std::string faults;  ///< what is never read as right or wrong and was
  std::string others;
};

/// Reads every row of a fixture; `wrong` and `unparsed` are never right, `right` is never wrong.
Tally read_all(const std::string& name) {
  Tally out;
  each_json_line(fixture(name), "test", [&](const Json& row, int64_t line) {
    const Judged judged = judge(question_of(row), row.at("reply").get<std::string>());
    const std::string wanted = row.at("want").get<std::string>(), got = verdict_name(judged.verdict);
    ++out.rows;
    out.as_wanted += got == wanted ? 1 : 0;
    const std::string text = std::to_string(line) + ": " + got + ", not " + wanted + ": " + row.at("answer").dump() + " | " +
                             row.at("reply").dump() + " (" + judged.reason + ")\n";
    if ((got == "right" && wanted != "right") || (got == "wrong" && wanted == "right")) out.faults += text;
    if (got != wanted) out.others += text;
  });
  return out;
}

TEST(Replies, AreReadAsACarefulPersonReads) {
  const Tally tally = read_all("replies.jsonl");
  EXPECT_EQ(tally.rows, 125);
  EXPECT_GE(tally.as_wanted, 124) << tally.others;
  EXPECT_EQ(tally.faults, "");
}

TEST(Replies, OfAllKindsAreNeverRightOrWrongByAccident) {
  const Tally tally = read_all("hostile_replies.jsonl");
  EXPECT_GE(tally.rows, 400);
  EXPECT_GE(tally.as_wanted, tally.rows - 12) << tally.others;
  EXPECT_EQ(tally.faults, "");
}

/// The same replies to questions whose truth is another value: none is right.
TEST(Replies, AreNotRightWhereTheTruthIsAnother) {
  int64_t asked = 0;
  std::string faults;
  for (const char* name : {"replies.jsonl", "hostile_replies.jsonl"}) {
    each_json_line(fixture(name), "test", [&](const Json& row, int64_t line) {
      if (row.at("want") != "right") return;
      Question question = question_of(row);
      const std::string truth = question.answer, reply = row.at("reply").get<std::string>();
      std::vector<std::string> others = {"triangle", "seven", "Oslo", "a green bicycle"};
      if (question.format == "yesno") others = {truth == "Yes" ? "No" : "Yes"};
      if (question.format == "mcq") {
        others.clear();
        for (const Option& option : question.options) {
          if (option.key != truth) others.push_back(option.key);
        }
      }
      for (const std::string& other : others) {
        question.answer = other;
        ++asked;
        if (judge(question, reply).verdict == Verdict::right)
          faults += std::string(name) + ":" + std::to_string(line) + ": " + other + " | " + reply + "\n";
      }
    });
  }
  EXPECT_GE(asked, 500);
  EXPECT_EQ(faults, "");
}

/// Every entry of the table reads the plainest replies.
TEST(Scorers, EveryEntryKeepsTheContract) {
  Question question;
  question.format = "mcq";
  question.answer = "A";
  question.options = {{"A", "up"}, {"B", "down"}};
  for (const Scorer& scorer : scorers()) {
    EXPECT_FALSE(scorer.help.empty() || scorer.revision.empty()) << scorer.name;
    if (!scorer.serves(question)) continue;  // rules for published benchmarks
    EXPECT_EQ(scorer.apply(question, "A").verdict, Verdict::right) << scorer.name;
    EXPECT_EQ(scorer.apply(question, "B").verdict, Verdict::wrong) << scorer.name;
    EXPECT_NE(scorer.apply(question, "").verdict, Verdict::right) << scorer.name;
  }
  EXPECT_EQ(verdict_of("unparsable"), Verdict::unparsed);  // the word of earlier versions
  EXPECT_EQ(verdict_of("fine"), std::nullopt);
}

}  // namespace
}  // namespace rrpo::rows
