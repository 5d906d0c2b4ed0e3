#include "rrpo/gen/pairs.h"

#include <gtest/gtest.h>

#include "../support/temp_dir.h"

namespace rrpo::gen {
namespace {

rows::Question exist(const std::string& id, bool yes) {
  rows::Question out;
  out.id = id;
  out.media.video = id + ".mp4";
  out.format = "yesno";
  out.question = "Is there a dog?";
  out.answer = yes ? "Yes" : "No";
  out.slots = {{{0, yes ? 3 : 2}, {"Yes", "No"}}};
  out.tags = {{"type", "exist"}};
  return out;
}

std::vector<rows::Question> questions() {
  return {exist("a", true), exist("b", true), exist("c", false), exist("d", true), exist("e", true), exist("f", false)};
}

/// a and b wrong yes, c wrong no, d right, e unparsable, f failed.
Responses responses() {
  return {{"a", {"No.", true, ""}}, {"b", {"No", true, ""}},       {"c", {"Yes", true, ""}},
          {"d", {"Yes", true, ""}}, {"e", {"Perhaps", false, ""}}, {"f", {"", true, "video: broken"}}};
}

TEST(Pairs, EveryQuestionEndsInOneState) {
  const PairSet set = make_pairs({}, questions(), responses());
  const Json json = fate_json(set);
  EXPECT_EQ(json["total"], 6);
  EXPECT_EQ(json["states"], Json::parse(R"({"dropped_balance":1,"failed":1,"pair":2,"right":1,"unparsable":1})"));
  EXPECT_EQ(set.pairs.size(), 2u);
  EXPECT_NE(set.fates[4].reason.find("gen.max_new_tokens"), std::string::npos);
  EXPECT_EQ(set.fates[5].reason, "video: broken");
}

TEST(Pairs, SayHowTheyWereMade) {
  GenConfig config;
  config.gen.balance = false;
  config.gen.perturb = "shuffle_global";
  const rows::Pair pair = make_pairs(config, questions(), responses()).pairs.at(0);
  EXPECT_EQ(pair.id, "a");
  EXPECT_EQ(pair.chosen.text, "Yes");
  EXPECT_EQ(pair.rejected.text, "No");
  const Json& made = pair.extra["made"];
  EXPECT_EQ(made["response"], "No.");
  EXPECT_EQ(made["perturbation"]["steps"][0]["name"], "shuffle_global");
  EXPECT_EQ(made["seed"], 42);
  EXPECT_EQ(made["judge"], "rules");
  EXPECT_EQ(made["rewrite"], "slots");
  // What is written is what training reads.
  const rows::Pair again = rows::parse_pair(rows::pair_json(pair), "x:1");
  EXPECT_EQ(rows::pair_json(again), rows::pair_json(pair));
}

TEST(Pairs, DoNotDependOnTheOrderOfTheQuestions) {
  std::vector<rows::Question> rows = questions();
  const PairSet there = make_pairs({}, rows, responses());
  std::reverse(rows.begin(), rows.end());
  PairSet back = make_pairs({}, rows, responses());
  std::reverse(back.pairs.begin(), back.pairs.end());
  ASSERT_EQ(back.pairs.size(), there.pairs.size());
  for (size_t i = 0; i < there.pairs.size(); ++i) EXPECT_EQ(rows::pair_json(back.pairs[i]), rows::pair_json(there.pairs[i]));
}

TEST(Pairs, TheLedgerHasOneLinePerQuestion) {
  const test::TempDir folder;
  const PairSet set = make_pairs({}, questions(), responses());
  write_pairs(set, questions(), folder.path());
  int64_t lines = 0;
  each_json_line(folder / "ledger.jsonl", "test", [&](const Json& row, int64_t line) {
    ++lines;
    EXPECT_EQ(row["id"], questions()[static_cast<size_t>(line - 1)].id);
    EXPECT_EQ(row["state"], set.fates[static_cast<size_t>(line - 1)].state);
  });
  EXPECT_EQ(lines, 6);
  EXPECT_EQ(rows::read_pairs(folder / "pairs.jsonl").size(), 2u);
  const report::Table table = fate_table(set, questions());
  EXPECT_EQ(table.rows.back()[1], "6");
}

}  // namespace
}  // namespace rrpo::gen
