// The scorers against the original scripts, on the replies of scripts/oracles/scorers.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "rrpo/rows/scene.h"
#include "rrpo/rows/verdict_replies.h"
#include "scorers_support.h"
#include "support/parity.h"
#include "support/temp_dir.h"

namespace rrpo::rows {
namespace {

/// Verdicts that may differ from the original, as `scorer: reply`, each with its reason. There are none.
const std::vector<std::string> kAccepted = {};

const std::map<std::string, std::string> kOriginals = {{"tvbench", "daniel-cores/tvbench c354322"},
                                                       {"mvbench", "OpenGVLab/Ask-Anything 4dd8210"},
                                                       {"mlvu", "JUNJIE99/MLVU fd060c1"},
                                                       {"tempcompass", "llyx97/TempCompass e1b4631"},
                                                       {"videohallucer", "patrick-tssn/VideoHallucer ae4c2f2"},
                                                       {"vidhalluc", "CyL97/VidHalluc e753864"},
                                                       {"videomme_v2", "MME-Benchmarks/Video-MME-v2 b24176a"},
                                                       {"eventhallusion", "Stevetich/EventHallusion 7396e04"},
                                                       {"elvhalluc", "hlsv02/ELV-Halluc be7ff84"},
                                                       {"rrpo", "pritamqu/RRPO a905573"},
                                                       {"rrpo_longvu", "pritamqu/RRPO a905573"},
                                                       {"lmms", "lmms-eval 75571cf"},
                                                       {"vlmeval", "VLMEvalKit e8e78f0"}};

Json golden(const std::string& name) {
  std::ifstream file(test::source_file("tests/golden/scorers/" + name + ".json"));
  return Json::parse(file);
}

/// As the golden files say it: the verdict's letter and what was read.
std::string word(const Judged& judged) {
  const std::map<Verdict, std::string> letters = {{Verdict::right, "r"},   {Verdict::wrong, "w"},  {Verdict::unparsed, "u"},
                                                  {Verdict::dropped, "d"}, {Verdict::random, "g"}, {Verdict::unjudged, "j"}};
  std::string out = letters.at(judged.verdict);
  for (const std::string& key : judged.found) out += key;
  return out;
}

/// Compares one scorer on one row; returns how many replies were compared.
size_t compare(const std::string& name, const Question& question, const Json& replies, const std::string& words) {
  const Scorer& one = scorer(name);
  EXPECT_TRUE(one.serves(question)) << name << " " << question.id;
  std::istringstream expected(words);
  size_t count = 0;
  for (const Json& json : replies) {
    const auto reply = json.get<std::string>();
    std::string wanted;
    expected >> wanted;
    ++count;
    const Judged judged = one.apply(question, reply);
    if (std::find(kAccepted.begin(), kAccepted.end(), name + ": " + reply) != kAccepted.end()) continue;
    test::expect_same({"scorers", kOriginals.at(name == "official" ? question.item.benchmark : name),
                       "verdicts on " + question.item.benchmark + " by " + name},
                      word(judged) == wanted, question.id + " " + json.dump() + ": " + word(judged) + ", not " + wanted);
    EXPECT_EQ(judged.expected, question.item.keys);
    const bool read = judged.verdict == Verdict::right || judged.verdict == Verdict::wrong;
    EXPECT_TRUE(read || (judged.found.empty() && !judged.reason.empty())) << name << " " << json.dump();
  }
  std::string more;
  EXPECT_FALSE(expected >> more) << question.id;
  return count;
}

class Golden : public testing::TestWithParam<const char*> {};

TEST_P(Golden, AsTheOriginals) {
  size_t replies = 0;
  const Json file = golden(GetParam());
  for (const Json& entry : file.at("rows")) {
    const Question question = parse_question(entry.at("row"), GetParam());
    EXPECT_EQ(question.item.benchmark, GetParam());
    std::vector<std::string> served = {"ours", "strict"};
    if (question.format == "caption_gen") served.pop_back();
    for (const auto& [name, words] : entry.at("verdicts").items()) {
      EXPECT_EQ(compare(name, question, entry.at("replies"), words.get<std::string>()), entry.at("replies").size());
      served.push_back(name);
    }
    for (const Scorer& one : scorers())
      EXPECT_EQ(one.serves(question), std::count(served.begin(), served.end(), one.name) == 1) << one.name << question.id;
    replies += entry.at("replies").size();
  }
  EXPECT_GE(replies, 300u);
}

INSTANTIATE_TEST_SUITE_P(Scorers, Golden,
                         testing::Values("tvbench", "mvbench", "videomme", "mlvu", "longvideobench", "tempcompass",
                                         "videohallucer", "vidhalluc", "videomme_v2", "eventhallusion", "elvhalluc"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Scenes, AsTheOriginal) {
  const Json scenes = golden("helpers").at("scenes");
  for (const Json& entry : scenes.at("replies")) {
    const SceneReply read = read_scene_reply(entry[0].get<std::string>());
    EXPECT_EQ(read.change, entry[1].get<std::string>()) << entry.dump();
    EXPECT_EQ(read.locations, entry[2].get<std::string>()) << entry.dump();
  }
  for (const Json& entry : scenes.at("pairs")) {
    const std::optional<ScenePair> pair = scene_pair(entry[0].get<std::string>());
    EXPECT_EQ(pair.has_value(), !entry[1].is_null()) << entry.dump();
    if (pair && !entry[1].is_null()) {
      EXPECT_EQ(pair->from, entry[1][0].get<std::string>());
      EXPECT_EQ(pair->to, entry[1][1].get<std::string>());
    }
  }
  for (const Json& entry : scenes.at("similarities"))
    EXPECT_NEAR(scene_score(entry[0].get<double>()), entry[1].get<double>(), 1e-12) << entry.dump();
  EXPECT_GE(scenes.at("replies").size(), 100u);
  EXPECT_GE(scenes.at("pairs").size(), 20u);
}

TEST(Judges, AsTheOriginal) {
  const Json judges = golden("helpers").at("judges");
  for (const Json& entry : judges.at("correctness")) {
    const std::optional<bool> read = read_correctness(entry[0].get<std::string>());
    EXPECT_EQ(read ? Json(*read) : Json(), entry[1]) << entry.dump();
  }
  for (const Json& entry : judges.at("captioning")) {
    const Judged judged = judge_captioning(entry[0].get<std::string>(), entry[1].get<std::string>());
    const int rating = judged.verdict == Verdict::unjudged ? -1 : judged.verdict == Verdict::right ? 1 : 0;
    EXPECT_EQ(rating, entry[2].get<int>()) << entry.dump();
  }
  EXPECT_GE(judges.at("correctness").size(), 20u);
  EXPECT_GE(judges.at("captioning").size(), 30u);
}

}  // namespace
}  // namespace rrpo::rows
