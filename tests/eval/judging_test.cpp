#include "rrpo/eval/judging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "judging_support.h"
#include "rrpo/io/sha256.h"

namespace rrpo::eval {
namespace {

using testing::HasSubstr;

/// A folder with the oracle's stand-in for all four prompts.
void write_prompts(const test::TempDir& folder, const std::string& base) {
  for (const auto& [task, format] : kFormats) folder.write(task + ".txt", base);
}

std::string user_text(const judge::Prompt& prompt) { return prompt.request.at("messages").at(1).at("content"); }

TEST(JudgePrompt, IsThatOfTheScriptsByteForByte) {
  const test::TempDir folder;
  write_prompts(folder, golden().at("base"));
  JudgeFields fields = fields_of("MODEL");
  fields.judge_prompts = folder.path();
  const Judge judge(fields);
  std::set<std::string> hashes;
  for (const Json& row : golden().at("rows")) {
    const std::string scorer = row.at("scorer"), reply = row.at("reply");
    const rows::Question question = question_of(row.at("task"), "q");
    const auto prompt = judge.prompt(scorer, question, reply, "clip");
    const std::string place = row.dump();
    ASSERT_EQ(prompt.has_value(), !row.at("sha256").is_null()) << place;
    if (!prompt) continue;
    EXPECT_EQ(io::sha256(user_text(*prompt)), row.at("sha256")) << place << "\n" << user_text(*prompt);
    EXPECT_EQ(prompt->hash.size(), 32u);
    hashes.insert(prompt->hash);
  }
  EXPECT_GT(hashes.size(), 60u);
}

TEST(JudgePrompt, IsSentWithTheScriptsSettings) {
  const Judge judge(fields_of("MODEL"));
  const auto prompt = judge.prompt("official", question_of("yes_no", "q"), "Perhaps", "clip");
  ASSERT_TRUE(prompt);
  nlohmann::json sent = nlohmann::json::parse(prompt->request.dump());  // the order of members does not matter
  sent["messages"][1]["content"] = "PROMPT";
  EXPECT_EQ(sent, nlohmann::json::parse(golden().at("request").dump()));
}

TEST(JudgePrompt, PublishedWordingsAreKnownByTheirHashes) {
  for (const auto& [task, hash] : golden().at("published").items()) EXPECT_EQ(published_wording(task), hash) << task;
  EXPECT_EQ(published_wording("another"), "");
}

TEST(JudgePrompt, OwnWordingAsksForWhatIsRead) {
  const JudgePrompts own = read_judge_prompts("");
  EXPECT_EQ(own.wording, Wording::ours);
  ASSERT_EQ(own.base.size(), 4u);
  for (const auto& [task, base] : own.base) {
    EXPECT_NE(io::sha256(base), published_wording(task));
    EXPECT_THAT(base, HasSubstr(task == "captioning" ? "\nAnswer: " : "Correct or Incorrect")) << task;
  }
}

TEST(JudgePrompt, FoldersThatAreNoneAreRefused) {
  const test::TempDir folder;
  const auto fault = [&] {
    try {
      read_judge_prompts(folder.path());
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input);
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_THAT(fault(), HasSubstr("multi-choice.txt: is not there"));
  write_prompts(folder, "Judge.\n");
  EXPECT_EQ(fault(), "nothing");
  EXPECT_EQ(read_judge_prompts(folder.path()).wording, Wording::other);
  folder.write("yes_no.txt", " \n");
  EXPECT_THAT(fault(), HasSubstr("yes_no.txt: holds nothing"));
  folder.write("yes_no.txt", "\xff\xfe");
  EXPECT_THAT(fault(), HasSubstr("yes_no.txt: is no UTF-8"));
}

TEST(JudgePrompt, NobodyIsAskedAboutTheRest) {
  const Judge judge(fields_of("m"));
  const rows::Question choice = question_of("multi-choice", "q");
  for (const char* scorer : {"lmms", "vlmeval", "strict"})
    EXPECT_FALSE(judge.prompt(scorer, choice, "left", "clip")) << scorer;
  EXPECT_FALSE(judge.prompt("ours", choice, "I cannot tell.", "clip")) << "ours reads choices by itself";
  EXPECT_TRUE(judge.prompt("ours", question_of("captioning", "q"), "It moves.", "clip"));
  EXPECT_TRUE(judge.prompt("rrpo_longvu", choice, "left", "clip"));
  rows::Question without = question_of("captioning", "q");
  without.item.aux["mc_question"] = "";
  EXPECT_FALSE(judge.prompt("official", without, "It moves.", "clip"));
  rows::Question own = choice;
  own.item = {};
  own.format = "open";
  EXPECT_FALSE(judge.prompt("ours", own, "It moves.", "clip"));
}

TEST(JudgeVerdict, IsThatOfTheScripts) {
  const std::map<rows::Verdict, Json> ratings = {
      {rows::Verdict::right, 1}, {rows::Verdict::wrong, 0}, {rows::Verdict::unjudged, nullptr}};
  for (const Json& row : golden().at("verdicts")) {
    const judge::Judgement said{row.at("said"), ""};
    const rows::Judged verdict = judge_verdict(question_of(row.at("task"), "q"), &said);
    EXPECT_EQ(ratings.at(verdict.verdict), row.at("rating")) << row << verdict.reason;
  }
}

TEST(JudgeVerdict, WithoutAWordIsUnjudgedWithAReason) {
  const rows::Question question = question_of("yes_no", "q");
  const auto reason = [&](const judge::Judgement* said) {
    const rows::Judged verdict = judge_verdict(question, said);
    EXPECT_EQ(verdict.verdict, rows::Verdict::unjudged);
    EXPECT_EQ(verdict.expected, std::vector<std::string>{"yes"});
    return verdict.reason;
  };
  const judge::Judgement fault{"", "HTTP 500 (3 tries)"}, neither{"It is hard to say.", ""};
  EXPECT_EQ(reason(nullptr), "the judge: no reply is on record");
  EXPECT_EQ(reason(&fault), "the judge: HTTP 500 (3 tries)");
  EXPECT_EQ(reason(&neither), "the judge: neither Correct nor Incorrect in \"It is hard to say.\"");
  const judge::Judgement thought{"<think>Incorrect?</think>\nCorrect", ""};
  EXPECT_EQ(judge_verdict(question, &thought).verdict, rows::Verdict::right) << "what it thinks is no verdict";
}

TEST(JudgeNote, SaysWhatIsUnlike) {
  const std::string ours = "own wording of the judge: not comparable with published TempCompass numbers";
  EXPECT_EQ(Judge(fields_of("gpt-4o-mini-2024-07-18")).note(), ours);
  EXPECT_EQ(Judge(fields_of("m")).note(), ours + "; judged by m, published by gpt-4o-mini-2024-07-18");
  const test::TempDir folder;
  write_prompts(folder, "Judge.\n");
  JudgeFields fields = fields_of("gpt-4o-mini-2024-07-18");
  fields.judge_prompts = folder.path();
  fields.llm.chat.temperature = 0;
  EXPECT_EQ(Judge(fields).note(),
            "the judge has another wording than the published one (multi-choice.txt, yes_no.txt, caption_matching.txt, "
            "captioning.txt); the judge has other settings than in the scripts");
}

TEST(JudgeFields, SayWhatIsMissing) {
  const auto why = [](const Json& given) {
    try {
      config_from<ScoreConfig>(given);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::usage);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(why({{"judge", "none"}}), "accepted");
  EXPECT_THAT(why({{"judge", "lmm"}}), HasSubstr("llm"));
  EXPECT_THAT(why({{"judge", "llm"}}), HasSubstr("llm.model"));
  EXPECT_THAT(why({{"judge", "llm"}, {"llm", {{"model", "m"}}}}), HasSubstr("llm.endpoint"));
  EXPECT_EQ(why({{"judge", "llm"}, {"llm", {{"model", "m"}, {"replay", "judgements.jsonl"}}}}), "accepted");
  EXPECT_THAT(why({{"llm", {{"key", "secret"}}}}), HasSubstr("key_env"));
  EXPECT_THAT(why({{"llm", {{"endpoint", "http://u:p@h/v1"}}}}), HasSubstr("llm.endpoint"));
}

}  // namespace
}  // namespace rrpo::eval
