#include "rrpo/gen/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "../support/mock_judge.h"
#include "../support/temp_dir.h"
#include "rrpo/gen/judgements.h"
#include "rrpo/gen/rewrite.h"
#include "rrpo/util/stop.h"
#include "rrpo/util/table.h"

namespace rrpo::gen {
namespace {

using test::MockJudge;
using test::MockReply;
using test::says;
using testing::HasSubstr;

constexpr const char* kKey = "sk-planted-0123456789abcdef";

/// A question without slots: the rules cannot judge it.
rows::Question open_question(const std::string& id, const std::string& answer) {
  rows::Question out;
  out.id = id;
  out.media.video = id + ".mp4";
  out.format = "open";
  out.question = "What happens?";
  out.answer = answer;
  return out;
}

/// What the language model says to a request, from its messages alone: in turn 1 `None` to a response with "crimson" for
/// "red", in turn 2 the true sentence with the response's last word.
std::string mock_says(const Json& request) {
  const Json& messages = request.at("messages");
  const auto first = messages.at(0).at("content").get<std::string>();
  const std::string response = first.substr(first.find("Sentence 2: ") + 12);
  if (messages.size() == 1) return response.find("crimson") != std::string::npos ? "None." : "1. The shape differs.";
  const std::string truth =
      first.substr(first.find("Sentence 1: ") + 12, first.find("\nSentence 2") - first.find("Sentence 1: ") - 12);
  return truth.substr(0, truth.rfind(' ')) + response.substr(response.rfind(' '));
}

/// All that a run asks, answered offline.
judge::Judgements answered(const GenConfig& config, const std::vector<rows::Question>& questions, const Responses& responses,
                           const std::function<std::string(const Json&)>& reply = mock_says) {
  judge::Judgements out;
  for (const rows::Question& question : questions) {
    judge::QuestionJudgements& own = out[question.id];
    while (const auto prompt = next_prompt(config, question, responses.at(question.id), own))
      own[prompt->hash] = {reply(prompt->request), ""};
  }
  return out;
}

GenConfig config_of(const std::string& judge, const std::string& rewrite) {
  GenConfig config;
  config.gen.judge = judge;
  config.gen.rewrite = rewrite;
  config.gen.llm.chat.model = "mock";
  config.gen.llm.chat.endpoint = "http://127.0.0.1:1/v1";
  return config;
}

std::vector<rows::Question> questions() {
  return {open_question("a", "A red circle moves to the square."), open_question("b", "A red circle moves."),
          open_question("c", "A red circle."), open_question("d", "A red triangle waits.")};
}

/// a and d are wrong, b says the same in other words, c is cut short.
Responses responses() {
  return {{"a", {{{"A blue ring flies to the triangle."}}}},
          {"b", {{{"A crimson circle is moving."}}}},
          {"c", {{{" \n"}}}},
          {"d", {{{"A dog barks."}}}}};
}

std::map<std::string, int64_t> states(const PairSet& set) {
  std::map<std::string, int64_t> out;
  for (const Fate& fate : set.fates) ++out[fate.state];
  return out;
}

TEST(Judges, EveryRowKeepsTheContract) {
  const GenConfig config = config_of("llm", "llm");
  std::set<std::string> names;
  for (const Judge& judge : judges()) {
    EXPECT_TRUE(names.insert(judge.name).second);
    EXPECT_FALSE(judge.help.empty());
    for (const char* format : {"short", "open", "yesno", "mcq"}) {
      rows::Question question = open_question("q", "Yes");
      question.format = format;
      question.options = {{"A", "Yes"}, {"B", "No"}};
      question.slots = {{{0, 3}, {"Yes", "No"}}};
      for (const char* response : {"Yes", "No", "", "Perhaps, perhaps not"}) {
        judge::Dialogue nobody(config.gen.llm.chat, nullptr, "clean", 0);
        const rows::Judged judged = judge.apply(question, response, nobody);
        EXPECT_EQ(judged.verdict == rows::Verdict::right, std::string(response) == "Yes") << judge.name << format;
        EXPECT_TRUE(*response != 0 || judged.verdict == rows::Verdict::unparsed) << judge.name << format;
        EXPECT_TRUE(!nobody.silent() || judged.verdict == rows::Verdict::unparsed) << judge.name << format;
        EXPECT_EQ(judged.expected.size(), 1u) << judge.name << format;
      }
    }
  }
}

// Word for word, with the blanks at the ends of lines.
TEST(Judges, AskInTheWordsOfThePaper) {
  const GenConfig config = config_of("llm", "llm");
  std::vector<Json> requests;
  answered(config, {questions()[0]}, responses(), [&](const Json& request) {
    requests.push_back(request);
    return mock_says(request);
  });
  ASSERT_EQ(requests.size(), 2u);  // the first turn serves judge and rewrite
  const std::string first =
      "Identify the key differences between these two sentences.\n"
      "To identify differences focus on the key aspects in the sentences, \n"
      "such as objects, actions, and their attributes, among others.\n"
      "If there are no key difference between these two sentences, \n"
      "please respond with \"None\" and nothing else.\n\n"
      "Sentence 1: A red circle moves to the square.\n"
      "Sentence 2: A blue ring flies to the triangle.";
  const std::string second =
      "Please rewrite the \"Sentence 1\" by incorporating the differences you \n"
      "mentioned earlier. Your final response should contain only the revised \n"
      "sentence and nothing else.\n\n"
      "Sentence 1: A red circle moves to the square.";
  EXPECT_EQ(requests[0].at("messages"), Json::array({{{"role", "user"}, {"content", first}}}));
  EXPECT_EQ(requests[1].at("messages"), Json::array({{{"role", "user"}, {"content", first}},
                                                     {{"role", "assistant"}, {"content", "1. The shape differs."}},
                                                     {{"role", "user"}, {"content", second}}}));
}

TEST(Judges, TakeNoneAsRightAndOnlyNone) {
  const auto state = [](const std::string& reply) {
    const GenConfig config = config_of("llm", "llm");
    const std::vector<rows::Question> one = {questions()[0]};
    const PairSet set = make_pairs(config, one, responses(), answered(config, one, responses(), [&](const Json& request) {
                                     return request.at("messages").size() > 1 ? mock_says(request) : reply;
                                   }));
    return set.fates[0].state;
  };
  for (const char* none :
       {"None", "none", " None.\n", "\"None\"", "**None**", "'None.'", "<think>They are alike.</think>\nNone"})
    EXPECT_EQ(state(none), "right") << none;
  for (const char* some :
       {"1. red, blue", "Nonetheless they differ", "None of the shapes agree", "The colour. None else.", "- red, not blue"})
    EXPECT_EQ(state(some), "pair") << some;
  for (const char* unclear : {"None. Both say the same.", "None\nThey agree", "\"None\" - they agree", "None, really"})
    EXPECT_EQ(state(unclear), "unparsed") << unclear;
}

TEST(Judges, EveryCombinationAddsUp) {
  std::vector<rows::Question> all = questions();
  Responses said = responses();
  rows::Question yesno = open_question("y", "Yes");
  yesno.format = "yesno";
  all.push_back(yesno);
  said["y"] = {{{"No"}}};
  rows::Question slots = open_question("s", "A red circle");
  slots.slots = {{{2, 5}, {"red", "blue"}}};
  all.push_back(slots);
  said["s"] = {{{"A blue circle"}}};
  const std::map<std::string, std::map<std::string, int64_t>> expected = {
      {"rules slots", {{"pair", 2}, {"unparsed", 4}}},
      {"rules raw", {{"pair", 2}, {"unparsed", 4}}},
      {"rules llm", {{"pair", 2}, {"unparsed", 4}}},
      {"llm slots", {{"pair", 2}, {"right", 1}, {"unparsed", 1}, {"dropped_rewrite", 2}}},
      {"llm raw", {{"pair", 4}, {"right", 1}, {"unparsed", 1}}},
      {"llm llm", {{"pair", 4}, {"right", 1}, {"unparsed", 1}}}};
  for (const Judge& judge : judges()) {
    for (const Rewrite& rewrite : rewrites()) {
      GenConfig config = config_of(judge.name, rewrite.name);
      config.gen.balance = false;
      const auto reply = [](const Json& request) {
        const std::string text = mock_says(request);
        return text == "A red circle" ? "A blue circle" : text;
      };
      const judge::Judgements heard = answered(config, all, said, reply);
      int64_t asked = 0;
      for (const auto& [id, own] : heard) asked += static_cast<int64_t>(own.size());
      EXPECT_LE(asked, most_prompts(config.gen, all));
      EXPECT_EQ(asked > 0, judge.name == "llm" || rewrite.name == "llm");
      const PairSet set = make_pairs(config, all, said, heard);
      ASSERT_EQ(set.fates.size(), all.size());
      EXPECT_EQ(states(set), expected.at(judge.name + " " + rewrite.name)) << judge.name << " " << rewrite.name;
      for (const rows::Pair& pair : set.pairs) {
        const bool open = pair.extra.at("format") == "open";
        const Json& made = pair.extra.at("made");
        EXPECT_EQ(made.at("judge"), open ? judge.name : "rules");
        EXPECT_EQ(made.at("rewrite"), !open && rewrite.name == "llm" ? "slots" : rewrite.name);
        EXPECT_EQ(made.contains("llm"), open && asked > 0) << pair.id;
        const size_t prompts = made.contains("llm") ? made["llm"]["prompts"].size() : 0;
        EXPECT_EQ(prompts, !open || asked == 0 ? 0u : rewrite.name == "llm" ? 2u : 1u);
        text::check_spans(pair.rejected, "rejected");
        EXPECT_EQ(rows::pair_json(rows::parse_pair(rows::pair_json(pair), "x:1")), rows::pair_json(pair));
      }
      EXPECT_EQ(states(make_pairs(config, all, said)).contains("unjudged"), asked > 0) << "nothing is on record";
    }
  }
}

TEST(Judges, KeepTheTrueStyleAndMarkWhatDiffers) {
  const GenConfig config = config_of("llm", "llm");
  const PairSet set = make_pairs(config, questions(), responses(), answered(config, questions(), responses()));
  ASSERT_EQ(set.pairs.size(), 2u);
  EXPECT_EQ(set.pairs[0].chosen.text, "A red circle moves to the square.");
  EXPECT_EQ(set.pairs[0].rejected.text, "A red circle moves to the triangle.");
  EXPECT_EQ(set.pairs[0].rejected.spans, (std::vector<text::ByteRange>{{26, 34}}));
  EXPECT_EQ(set.pairs[0].extra["made"]["llm"]["model"], "mock");
}

TEST(Judges, RefuseARewriteThatIsNone) {
  const auto reason = [](const std::string& revised) {
    const GenConfig config = config_of("llm", "llm");
    const std::vector<rows::Question> one = {questions()[0]};
    const PairSet set = make_pairs(config, one, responses(), answered(config, one, responses(), [&](const Json& request) {
                                     return request.at("messages").size() > 1 ? revised : std::string("They differ.");
                                   }));
    return set.fates[0].state == "pair" ? set.pairs[0].rejected.text : set.fates[0].state + ": " + set.fates[0].reason;
  };
  EXPECT_EQ(reason("A red circle moves to the square."), "dropped_rewrite: no word differs");
  EXPECT_THAT(reason("Certainly!\nA blue ring."), HasSubstr("more lines"));
  EXPECT_THAT(reason(std::string(900, 'x')), HasSubstr("far longer"));
  EXPECT_THAT(reason("Sentence 1:"), HasSubstr("talks about itself"));
  EXPECT_THAT(reason("A blue ring."), HasSubstr("no small edit"));
  const std::string revised = "A blue ring moves to the square.";
  EXPECT_EQ(reason("Sentence 1: " + revised), revised);
  EXPECT_EQ(reason("\"" + revised + "\""), revised);
  EXPECT_EQ(reason("<think>Hm.</think> " + revised), revised);
}

/// What becomes of a question whose truth, response and first reply are of one kind.
std::string end_of(const Json& row) {
  const bool differences = row.at("asked_for") == "differences";
  const GenConfig config = config_of("llm", "llm");
  const std::vector<rows::Question> one = {open_question("q", "The first object moves left.")};
  const Responses said = {{"q", {{{"It goes right."}}}}};
  const PairSet set = make_pairs(config, one, said, answered(config, one, said, [&](const Json& request) {
                                   const bool first = request.at("messages").size() == 1;
                                   if (differences == first) return row.at("reply").get<std::string>();
                                   return std::string(first ? "1. The direction differs." : "The first object moves up.");
                                 }));
  const Fate& fate = set.fates.at(0);
  EXPECT_EQ(fate.reason.empty(), fate.state == "pair" || fate.state == "right") << row.dump();
  if (fate.state == "pair") return differences ? "wrong" : set.pairs.at(0).rejected.text;
  return fate.state == "unparsed" ? "unclear" : fate.state == "dropped_rewrite" ? "dropped" : fate.state;
}

// `None` in other words is never a difference, a preamble never a sentence; all that is dropped has its reason.
TEST(Judges, ReadRepliesOfManyForms) {
  int64_t rows = 0;
  for (const char* name : {"judge_replies.jsonl", "hostile_judge_replies.jsonl"}) {
    each_json_line(test::source_file(std::string("tests/fixtures/") + name), "test", [&](const Json& row, int64_t line) {
      const std::string wanted = row.at("want").get<std::string>(), got = end_of(row);
      const std::string place = std::string(name) + ":" + std::to_string(line) + " " + row.at("reply").dump();
      ++rows;
      if (wanted == "right, or unclear and counted" || wanted == "unclear") {
        EXPECT_TRUE(got == "right" || got == "unclear") << place << ": " << got;
      } else if (wanted.ends_with("or dropped and counted")) {
        EXPECT_EQ(got, wanted.substr(0, wanted.find(" — "))) << place;
      } else {
        EXPECT_EQ(got, wanted.starts_with("dropped") ? "dropped" : wanted) << place;
      }
    });
  }
  EXPECT_GE(rows, 130);
}

TEST(Judges, AreAskedByDefaultAboutWhatRulesMayNotRead) {
  EXPECT_THAT(GenConfig().gen.llm.formats, testing::ElementsAre("short", "open"));
}

TEST(Judges, AreAskedAboutWhatTheRulesDoNotRead) {
  GenConfig config = config_of("llm", "slots");
  rows::Question shape = open_question("q", "circle");
  shape.format = "short";
  const auto state = [&](const std::string& response, const std::string& judge, bool finished = true) {
    config.gen.judge = judge;
    const Responses said = {{"q", {{{response, finished}}}}};
    const judge::Judgements heard = answered(config, {shape}, said);
    const Fate fate = make_pairs(config, {shape}, said, heard).fates.at(0);
    return fate.state + (heard.at("q").empty() ? "" : " asked");
  };
  EXPECT_EQ(state("The red object is a circle.", "rules"), "right");  // once a rejected answer
  EXPECT_EQ(state("The object in this clip seems to be turning around slowly.", "rules"), "unparsed");
  EXPECT_EQ(state("a square", "rules"), "pair");
  EXPECT_EQ(state("a square", "rules", /*finished=*/false), "unparsed");
  EXPECT_EQ(state("<think>a circle?</think>a square", "rules"), "pair");
  EXPECT_EQ(state("The red object is a circle.", "llm"), "right");
  EXPECT_EQ(state("a crimson thing that is round", "llm"), "right asked");
  shape.slots = {{{0, 6}, {"circle", "square"}}};
  EXPECT_EQ(state("The object is a square.", "rules"), "pair");
  EXPECT_EQ(state("The object is a square.", "rules", /*finished=*/false), "unparsed");  // `…, no, a circle`
  EXPECT_EQ(state("The object is a square.", "llm"), "pair");
  EXPECT_EQ(state("The object is a circle.", "rules"), "right");
  shape.slots.clear();
  config.gen.llm.formats = {"open"};
  EXPECT_EQ(state("a crimson thing that is round", "llm"), "unparsed");
  EXPECT_TRUE(is_unread(config_of("rules", "slots").gen, open_question("o", "A dog.")));
  EXPECT_FALSE(is_unread(config_of("llm", "slots").gen, open_question("o", "A dog.")));
}

TEST(Judges, TakeTheMistakeThatIsMadeMostOften) {
  GenConfig config = config_of("llm", "raw");
  config.gen.samples = 4;
  config.gen.temperature = 1;
  const std::vector<rows::Question> one = {questions()[0]};
  const Responses said = {{"a", {{{"A dog."}, {"A cat."}, {"A crimson dog."}, {"A cat."}}}}};
  int64_t asked = 0;
  const judge::Judgements heard = answered(config, one, said, [&](const Json& request) {
    ++asked;
    return mock_says(request);
  });
  EXPECT_EQ(asked, 3);  // what is said twice is asked once
  const PairSet set = make_pairs(config, one, said, heard);
  ASSERT_EQ(set.pairs.size(), 1u);
  EXPECT_EQ(set.pairs[0].rejected.text, "A cat.");
  EXPECT_EQ(set.pairs[0].extra["made"]["times"], 2);
}

TEST(Judges, HearWhatIsSaidAboutTheCleanVideo) {
  GenConfig config = config_of("llm", "llm");
  config.gen.require = {"wrong_on_perturbed", "right_on_clean"};
  const std::vector<rows::Question> one = {questions()[0]};
  const auto state = [&](const std::string& clean) {
    Said said{{{"A dog."}}, Response{clean}, ""};
    const Responses all = {{"a", said}};
    EXPECT_LE(static_cast<int64_t>(answered(config, one, all).at("a").size()), most_prompts(config.gen, one));
    return make_pairs(config, one, all, answered(config, one, all)).fates[0].state;
  };
  EXPECT_EQ(state("A crimson circle moves to the square."), "pair");
  EXPECT_EQ(state("A cat."), "dropped_clean");
}

/// A run against a server, in a folder.
class Asking : public testing::Test {
 protected:
  void SetUp() override {
    setenv("RRPO_TEST_KEY", kKey, 1);
    setenv("no_proxy", "127.0.0.1", 1);
    for (int i = 0; i < 40; ++i) {
      const std::string id = "q" + std::to_string(i);
      questions_.push_back(open_question(id, "Clip " + std::to_string(i) + " shows a red circle."));
      const char* said = i % 4 == 0 ? "It is a crimson circle." : "It shows a blue square.";
      responses_[id] = {{{said}}};
    }
  }
  void TearDown() override {
    set_stop_signal(0);
    unsetenv("RRPO_TEST_KEY");
  }

  GenConfig config_for(const MockJudge& server) const {
    GenConfig config = config_of("llm", "llm");
    config.gen.llm.chat.endpoint = server.url();
    config.gen.llm.chat.key_env = "RRPO_TEST_KEY";
    config.gen.llm.chat.backoff_s = 0.001;
    config.gen.llm.chat.retries = 2;
    config.gen.llm.chat.concurrency = 4;
    return config;
  }
  judge::CollectedJudgements collect(const GenConfig& config) {
    return collect_judgements(config, questions_, responses_, folder_ / "judgements.jsonl");
  }
  PairSet pairs(const GenConfig& config, const judge::CollectedJudgements& heard) {
    return make_pairs(config, questions_, responses_, heard.judgements);
  }
  /// The bytes that a run leaves.
  std::string files(const PairSet& set) {
    write_pairs(set, questions_, folder_.path());
    return read_file(folder_ / "pairs.jsonl", "test") + read_file(folder_ / "ledger.jsonl", "test");
  }
  std::string record() { return read_file(folder_ / "judgements.jsonl", "test"); }
  int64_t rows() {
    const std::string text = record();
    return std::count(text.begin(), text.end(), '\n');
  }

  test::TempDir folder_;
  std::vector<rows::Question> questions_;
  Responses responses_;
};

TEST_F(Asking, LeavesARecordThatMakesTheSamePairsOffline) {
  std::string online;
  GenConfig config;
  {
    MockJudge server([](const Json& request, int64_t) {
      MockReply reply = says(mock_says(request));
      reply.delay_s = 0.02;
      return reply;
    });
    config = config_for(server);
    const judge::CollectedJudgements heard = collect(config);
    EXPECT_TRUE(heard.complete);
    EXPECT_EQ(server.requests(), 70);  // 10 questions are right after one turn, 30 take two
    EXPECT_EQ(rows(), 70);
    EXPECT_LE(server.most_at_once(), 4);
    EXPECT_GE(server.most_at_once(), 2);
    for (const std::string& key : server.keys()) EXPECT_EQ(key, std::string("Bearer ") + kKey);
    const PairSet set = pairs(config, heard);
    EXPECT_EQ(states(set), (std::map<std::string, int64_t>{{"pair", 30}, {"right", 10}}));
    online = files(set);
    collect(config);
    EXPECT_EQ(server.requests(), 70) << "asked again what is on record";
  }
  // The server is gone.
  config.gen.llm.replay = folder_ / "judgements.jsonl";
  config.gen.llm.chat.endpoint = "";
  const judge::CollectedJudgements heard = collect_judgements(config, questions_, responses_, folder_ / "unused.jsonl");
  EXPECT_EQ(files(pairs(config, heard)), online);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "unused.jsonl"));
  for (const auto& file : std::filesystem::directory_iterator(folder_.path()))
    EXPECT_EQ(read_file(file.path(), "test").find(kKey), std::string::npos) << file.path();
  // What a replay lacks is not asked and not lost.
  folder_.write("judgements.jsonl", record().substr(0, record().find('\n') + 1));
  const PairSet fewer = pairs(config, collect_judgements(config, questions_, responses_, folder_ / "unused.jsonl"));
  EXPECT_GE(states(fewer)["unjudged"], 39);
  EXPECT_EQ(fewer.fates.size(), questions_.size());
  config.gen.llm.chat.model = "another";
  EXPECT_EQ(states(pairs(config, collect_judgements(config, questions_, responses_, folder_ / "unused.jsonl")))["unjudged"],
            40);
}

TEST_F(Asking, SomeFaultsLeaveSomeUnjudged) {
  std::atomic<bool> healthy = false;
  MockJudge server([&](const Json& request, int64_t) {
    const auto first = request.at("messages").at(0).at("content").get<std::string>();
    if (!healthy && first.find("Clip 7 ") != std::string::npos) return MockReply{.status = 500, .body = kKey};
    if (!healthy && first.find("Clip 9 ") != std::string::npos) return says("");
    return says(mock_says(request));
  });
  GenConfig config = config_for(server);
  const PairSet set = pairs(config, collect(config));
  EXPECT_EQ(states(set), (std::map<std::string, int64_t>{{"pair", 28}, {"right", 10}, {"unjudged", 2}}));
  EXPECT_EQ(set.fates[7].reason, "HTTP 500 (3 tries)");
  EXPECT_EQ(set.fates[9].reason, "an empty reply (3 tries)");
  EXPECT_EQ(record().find(kKey), std::string::npos);
  const std::string online = files(set);
  GenConfig offline = config;
  offline.gen.llm.replay = folder_ / "judgements.jsonl";
  EXPECT_EQ(files(pairs(offline, collect(offline))), online);
  // Later only these are asked again, and a reply counts more than the fault before it.
  healthy = true;
  const int64_t before = server.requests();
  EXPECT_EQ(states(pairs(config, collect(config)))["pair"], 30);
  EXPECT_EQ(server.requests() - before, 4);
  EXPECT_EQ(states(pairs(offline, collect(offline)))["pair"], 30);
}

std::string thrown(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::judge);
    return error.what();
  }
  return "nothing";
}

TEST_F(Asking, AnEndpointThatRefusesIsAskedNoMore) {
  MockJudge server([](const Json& request, int64_t number) {
    return number < 12 ? says(mock_says(request)) : MockReply{.status = 401, .body = kKey};
  });
  const GenConfig config = config_for(server);
  const std::string line = thrown([&] { collect(config); });
  EXPECT_THAT(line, HasSubstr("(HTTP 401); 12 verdicts kept"));
  EXPECT_EQ(line.find(kKey), std::string::npos);
  EXPECT_LE(server.requests(), 12 + 4);
  EXPECT_EQ(judge::read_judgements(folder_ / "judgements.jsonl", false).empty(), false);
}

TEST_F(Asking, NoReplyAtAllIsAFaultOfTheJudge) {
  std::atomic<bool> healthy = false;
  MockJudge server([&](const Json& request, int64_t) {
    return healthy ? says(mock_says(request)) : MockReply{.status = 429, .headers = {{"Retry-After", "0"}}};
  });
  const GenConfig config = config_for(server);
  EXPECT_EQ(thrown([&] { collect(config); }),
            "judge: 40 of 40 requests failed (HTTP 429 (3 tries)); 0 verdicts kept; fix: rerun the same command later with "
            "--resume");
  EXPECT_EQ(server.requests(), 120);
  healthy = true;
  EXPECT_EQ(states(pairs(config, collect(config)))["pair"], 30);
}

TEST_F(Asking, GivesUpWhenNobodyIsThereAnyMore) {
  for (int i = 40; i < 400; ++i) {
    questions_.push_back(open_question("q" + std::to_string(i), "Clip " + std::to_string(i) + " shows a red circle."));
    responses_[questions_.back().id] = {{{"It shows a blue square."}}};
  }
  MockJudge server(
      [](const Json& request, int64_t number) { return number < 30 ? says(mock_says(request)) : MockReply{.status = 503}; });
  EXPECT_THAT(thrown([&] { collect(config_for(server)); }), HasSubstr("(HTTP 503 (3 tries)); 30 verdicts kept"));
  EXPECT_LT(server.requests(), 3 * 200);  // of 3 * 385
}

TEST_F(Asking, StopsAndGoesOn) {
  MockJudge server([&](const Json& request, int64_t number) {
    MockReply reply = says(mock_says(request));
    if (number == 20) set_stop_signal(15);
    reply.delay_s = number >= 20 && stop_signal() != 0 ? 60 : 0;
    return reply;
  });
  const GenConfig config = config_for(server);
  EXPECT_FALSE(collect(config).complete);
  const int64_t kept = rows(), before = server.requests();
  EXPECT_GE(kept, 15);
  EXPECT_LT(kept, 70);
  set_stop_signal(0);
  folder_.write("judgements.jsonl", record() + R"({"id": "q1", "on)");  // as a torn write leaves it
  const judge::CollectedJudgements heard = collect(config);
  EXPECT_TRUE(heard.complete);
  EXPECT_EQ(rows(), 70);
  EXPECT_EQ(server.requests() - before, 70 - kept);
  EXPECT_EQ(states(pairs(config, heard)), (std::map<std::string, int64_t>{{"pair", 30}, {"right", 10}}));
}

TEST(Judgements, AReplyCountsMoreThanAFault) {
  const test::TempDir folder;
  const auto row = [](const std::string& status, const std::string& text) {
    return R"({"id": "a", "prompt": "p", "status": ")" + status + R"(", ")" + (status == "ok" ? "reply" : "reason") +
           R"(": ")" + text + "\"}\n";
  };
  const auto file = folder.write("x.jsonl", row("failed", "HTTP 500") + row("ok", "None") + row("failed", "HTTP 429"));
  EXPECT_EQ(judge::read_judgements(file, true).at("a").at("p").reply, "None");
  EXPECT_EQ(judge::read_judgements(file, true).at("a").at("p").fault, "");
  const auto faults = folder.write("y.jsonl", row("failed", "HTTP 500"));
  EXPECT_EQ(judge::read_judgements(faults, true).at("a").at("p").fault, "HTTP 500");
  EXPECT_TRUE(judge::read_judgements(faults, false).empty());
  EXPECT_THROW(judge::read_judgements(folder.write("z.jsonl", row("maybe", "x")), true), Error);
}

TEST(LlmFields, SayWhatIsMissing) {
  const auto why = [](Json gen) {
    gen["questions"] = "q.jsonl";
    try {
      config_from<GenFields>(gen);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::usage);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(why({{"judge", "llm"}}), HasSubstr("llm.model"));
  EXPECT_THAT(why({{"rewrite", "llm"}, {"llm", {{"model", "m"}}}}), HasSubstr("llm.endpoint"));
  EXPECT_THAT(why({{"judge", "lmm"}}), HasSubstr("llm"));
  EXPECT_THAT(why({{"llm", {{"formats", {"mcq"}}}}}), HasSubstr("llm.formats"));
  EXPECT_THAT(why({{"llm", {{"key", "secret"}}}}), HasSubstr("key_env"));
  EXPECT_THAT(why({{"llm", {{"endpoint", "http://u:p@h/v1"}}}}), HasSubstr("llm.endpoint"));
  EXPECT_EQ(why({{"judge", "llm"}, {"llm", {{"model", "m"}, {"replay", "judgements.jsonl"}}}}), "accepted");
}

}  // namespace
}  // namespace rrpo::gen
