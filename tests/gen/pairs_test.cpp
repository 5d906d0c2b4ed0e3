#include "rrpo/gen/pairs.h"

#include <gtest/gtest.h>

#include <functional>

#include "../support/temp_dir.h"
#include "rrpo/util/random.h"

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

/// a and b wrong yes, c wrong no, d right, e unparsed, f failed.
Responses responses() {
  return {{"a", {{{"No."}}}},
          {"b", {{{"No"}}}},
          {"c", {{{"Yes"}}}},
          {"d", {{{"Yes"}}}},
          {"e", {{{"Perhaps", false}}}},
          {"f", {{}, {}, "video: broken"}}};
}

TEST(Pairs, EveryQuestionEndsInOneState) {
  const PairSet set = make_pairs({}, questions(), responses());
  const Json json = fate_json(set);
  EXPECT_EQ(json["total"], 6);
  EXPECT_EQ(json["states"], Json::parse(R"({"dropped_balance":1,"failed":1,"pair":2,"right":1,"unparsed":1})"));
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

/// A question of four options.
rows::Question option(const std::string& id, const std::string& truth) {
  rows::Question out;
  out.id = id;
  out.media.video = id + ".mp4";
  out.format = "mcq";
  out.question = "Which? (A) up (B) down (C) left (D) right";
  out.options = {{"A", "up"}, {"B", "down"}, {"C", "left"}, {"D", "right"}};
  out.answer = "(" + truth + ")";
  return out;
}

TEST(Pairs, TakeTheMistakeThatIsMadeMostOften) {
  GenConfig config;
  config.gen.samples = 6;
  config.gen.temperature = 1;
  Said said;
  for (const char* text : {"(A)", "(B)", "(C)", "(D)", "C.", "who knows"}) said.samples.push_back({text});
  const PairSet set = make_pairs(config, {option("q", "A")}, {{"q", said}});
  ASSERT_EQ(set.pairs.size(), 1u);
  EXPECT_EQ(set.pairs[0].rejected.text, "(C)");
  const Json& made = set.pairs[0].extra["made"];
  EXPECT_EQ(made["sample"], 2);
  EXPECT_EQ(made["times"], 2);
  EXPECT_EQ(made["samples"], 6);
  EXPECT_EQ(make_pairs(config, {option("q", "A")}, {{"q", {{{"hm"}, {"(A)"}}}}}).fates[0].state, "right");
}

TEST(Pairs, AskWhatTheModelSaysAboutTheCleanVideo) {
  const auto state = [](std::vector<std::string> require, const std::string& clean) {
    GenConfig config;
    config.gen.require = std::move(require);
    Said said{{{"(B)"}}, {}, ""};
    if (!clean.empty()) said.clean = Response{clean};
    const PairSet set = make_pairs(config, {option("q", "A")}, {{"q", said}});
    EXPECT_EQ(set.pairs.size(), set.fates[0].state == "pair" ? 1u : 0u);
    return set.fates[0].state + "|" + set.fates[0].reason;
  };
  const std::string perturbed = "wrong_on_perturbed", right = "right_on_clean", wrong = "wrong_on_clean";
  EXPECT_EQ(state({perturbed}, ""), "pair|");
  EXPECT_EQ(state({wrong}, ""), "pair|");
  EXPECT_EQ(state({perturbed, right}, "(A)"), "pair|");
  EXPECT_EQ(state({perturbed, right}, "(D)"), "dropped_clean|wrong on the clean video");
  EXPECT_EQ(state({perturbed, wrong}, "(D)"), "pair|");
  EXPECT_EQ(state({perturbed, wrong}, "(A)"), "dropped_clean|right on the clean video");
  EXPECT_EQ(state({perturbed, right}, "who").substr(0, 41), "dropped_clean|unparsed on the clean video");
}

// Every combination of settings over one pool: the ledger adds up, and the pairs are those that it says.
TEST(Pairs, StatesAddUpWhateverTheSettings) {
  std::vector<rows::Question> all = questions();
  Responses said = responses();
  for (int i = 0; i < 12; ++i) {
    all.push_back(option("o" + std::to_string(i), i % 4 == 0 ? "A" : i % 3 == 0 ? "B" : "C"));
    said[all.back().id] = {{{i % 5 == 0 ? "what" : i % 2 == 0 ? "(D)" : "(C)"}}, {}, ""};
  }
  for (const Json& balance : {Json(true), Json(false), Json("letters"), Json::array({"yesno", "letters"})}) {
    for (const Json& limit : {Json(), Json(1), Json{{"mcq", 3}}, Json{{"mcq", 4}, {"yesno", 2}}}) {
      for (const char* clean : {"", "right_on_clean", "wrong_on_clean"}) {
        GenConfig config;
        config.gen.balance = balance;
        config.gen.max_per_format = limit;
        if (*clean != 0) config.gen.require.emplace_back(clean);
        config.gen.check("gen");
        for (auto& [id, one] : said) {
          one.clean = std::nullopt;
          if (*clean != 0) one.clean = Response{hash64(id) % 2 == 0 ? "(C)" : "No"};
        }
        const PairSet set = make_pairs(config, all, said);
        const Json json = fate_json(set);
        size_t sum = 0;
        for (const auto& [state, count] : json["states"].items()) sum += count.get<size_t>();
        EXPECT_EQ(sum, all.size());
        EXPECT_EQ(json["total"], all.size());
        EXPECT_EQ(json["states"].value("pair", size_t{0}), set.pairs.size());
      }
    }
  }
}

TEST(Pairs, SettingsThatContradictEachOtherAreRefused) {
  const auto refused = [](const std::function<void(GenFields&)>& set) {
    GenFields gen;
    set(gen);
    EXPECT_THROW(gen.check("gen"), Error);
  };
  refused([](GenFields& gen) { gen.require = {"right_on_clean"}; });
  refused([](GenFields& gen) { gen.require = {"wrong_on_clean", "right_on_clean"}; });
  refused([](GenFields& gen) { gen.require = {"wrong_on_clean", "wrong_on_clean"}; });
  refused([](GenFields& gen) { gen.require = {"wrong"}; });
  refused([](GenFields& gen) { gen.samples = 4; });
  refused([](GenFields& gen) { gen.top_p = 0; });
  refused([](GenFields& gen) { gen.temperature = -1; });
  refused([](GenFields& gen) { gen.balance = "letter"; });
  refused([](GenFields& gen) { gen.balance = 3; });
  refused([](GenFields& gen) { gen.max_per_format = 0; });
  refused([](GenFields& gen) { gen.max_per_format = {{"mqc", 3}}; });
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
