#include "rrpo/gen/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../support/temp_dir.h"

namespace rrpo::gen {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Report, ReasonsOfOneKindAreOne) {
  EXPECT_EQ(reason_kind("video: /data/v 2/a.mp4: 300 of 431 frames decodable; fix: mend it"),
            "video: …: … of … frames decodable");
  EXPECT_EQ(reason_kind("more pairs whose true letter is B than with another letter"),
            "more pairs whose true letter is … than with another letter");
  EXPECT_EQ(reason_kind("several options are named: A, D"), "several options are named: …");
  EXPECT_EQ(reason_kind("unparsed on the clean video: A response"), "unparsed on the clean video: … response");
  EXPECT_EQ(reason_kind("gen.max_per_format is reached"), "gen.max_per_format is reached");
  EXPECT_EQ(reason_kind(""), "");
}

TEST(Report, RareReasonsShareTheLastLine) {
  std::vector<Fate> fates = {{"pair", ""}, {"right", ""}};
  const std::string letters = "abcdefghij";
  for (size_t i = 0; i < letters.size(); ++i) {
    for (size_t n = 0; n <= i; ++n) fates.push_back({i % 2 == 0 ? "failed" : "unparsed", "why " + letters.substr(i, 1)});
  }
  const report::Table all = reason_table(fates, 10);
  EXPECT_EQ(all.rows.size(), 10u);
  EXPECT_EQ(all.rows.front(), (std::vector<std::string>{"unparsed", "why j", "10"}));
  const report::Table table = reason_table(fates, 4);
  ASSERT_EQ(table.rows.size(), 4u);
  EXPECT_EQ(table.rows[2], (std::vector<std::string>{"failed", "why i", "9"}));
  EXPECT_EQ(table.rows[3].back(), "28");
}

rows::Question yesno(const std::string& id, bool yes) {
  rows::Question out;
  out.id = id;
  out.media.video = id + ".mp4";
  out.format = "yesno";
  out.question = "Is <this> so?";
  out.answer = yes ? "Yes" : "No";
  out.slots = {{{0, yes ? 3 : 2}, {"Yes", "No"}}};
  return out;
}

/// Ten wrong answers to yes, four to no, five right ones, three that say neither.
struct World {
  std::vector<rows::Question> questions;
  Responses responses;
  void add(bool yes, const std::string& said) {
    questions.push_back(yesno("q" + std::to_string(questions.size()), yes));
    responses[questions.back().id] = {{{said}}, {}, ""};
  }
  World() {
    for (int i = 0; i < 10; ++i) add(true, "No");
    for (int i = 0; i < 4; ++i) add(false, "Yes");
    for (int i = 0; i < 5; ++i) add(true, "Yes");
    for (int i = 0; i < 3; ++i) add(true, "<b>perhaps</b>");
  }
};

TEST(Report, CountsBeforeAndAfterBalancing) {
  const World world;
  const PairSet set = make_pairs({}, world.questions, world.responses);
  const report::Table table = balance_table(world.questions, set.fates);
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0], (std::vector<std::string>{"yesno", "no", "4", "4"}));
  EXPECT_EQ(table.rows[1], (std::vector<std::string>{"yesno", "yes", "10", "4"}));
}

// However many questions there are; and clips that are not there do not stop it.
TEST(Report, IsBoundedAndSaysWhatItCannotShow) {
  const test::TempDir folder;
  GenConfig config;
  config.gen.questions = folder.write("questions.jsonl", "");
  World world;
  for (int i = 0; i < 3000; ++i) world.add(i % 2 == 0, i % 3 == 0 ? "Yes" : i % 3 == 1 ? "No" : "perhaps");
  const std::string page =
      run_report(config, world.questions, world.responses, make_pairs(config, world.questions, world.responses));
  size_t examples = 0;
  for (size_t at = page.find("<h3>"); at != std::string::npos; at = page.find("<h3>", at + 1)) ++examples;
  EXPECT_EQ(examples, 8u);  // two pairs; two that are right, unparsed, dropped
  EXPECT_LT(page.size(), 60000u);
  EXPECT_THAT(page, HasSubstr("The frames cannot be shown. data: q"));
  EXPECT_THAT(page, HasSubstr("Is &lt;this&gt; so?"));
  EXPECT_THAT(page, Not(HasSubstr("<b>perhaps")));
  EXPECT_THAT(page, HasSubstr("gen.max_per_format"));
}

}  // namespace
}  // namespace rrpo::gen
