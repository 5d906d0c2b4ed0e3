// The judge of rrpo-eval with a server on the loopback address.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "../support/mock_judge.h"
#include "judging_support.h"
#include "rrpo/eval/evaluation.h"
#include "rrpo/util/table.h"

namespace rrpo::eval {
namespace {

using test::MockJudge;
using test::MockReply;
using test::says;
using testing::HasSubstr;

/// Questions of all tasks, replies to them, and a folder for judgements.jsonl.
class Hearings : public testing::Test {
 protected:
  Hearings() {
    const std::vector<std::pair<std::string, std::string>> rows = {{"multi-choice", "A"},
                                                                   {"multi-choice", "to the left"},
                                                                   {"multi-choice", "I cannot say"},
                                                                   {"yes_no", "Perhaps"},
                                                                   {"yes_no", "yes"},
                                                                   {"caption_matching", "It rests, I think"},
                                                                   {"captioning", "It goes left"},
                                                                   {"captioning", "It goes right"}};
    for (const auto& [task, reply] : rows) {
      questions_.push_back(question_of(task, task + "/" + std::to_string(questions_.size())));
      predictions_.push_back(rows::predicted(questions_.back(), reply));
    }
    questions_.push_back(question_of("yes_no", "yes_no/failed"));
    predictions_.push_back(rows::failed(questions_.back(), "video: broken"));
  }

  /// Right about what holds `left`, `rest` or a bracket.
  static MockReply good(const Json& request) {
    const std::string text = request.at("messages").at(1).at("content");
    if (const size_t caption = text.find("\nVideo Description:"); caption != std::string::npos) {
      const bool left = text.substr(caption, 40).find("left") != std::string::npos;
      return says(left ? "Reasoning: it says so.\nAnswer: A. to the left" : "Answer: B. to the right ");
    }
    const std::string reply = text.substr(text.rfind("\nModel Prediction: "));
    for (const char* right : {"left", "rest", "("}) {
      if (reply.find(right) != std::string::npos) return says("Correct");
    }
    return says(reply.find("Perhaps") != std::string::npos ? "Hard to say." : "Incorrect");
  }

  std::vector<Asked> asked(const Judge& judge) const { return judge.asked(questions_, {{"clip", &predictions_}}, scorers_); }
  Hearing heard(const Judge& judge) const { return hear(judge, asked(judge), "eval.llm", 42, folder_ / "judgements.jsonl"); }
  /// `scorer id verdict` of each row.
  std::string verdicts(const Judge& judge, const Hearing& hearing) const {
    const Evaluation evaluation = evaluate(questions_, predictions_, scorers_, {}, [&](const std::string& scorer) {
      return judge_of(judge, hearing.judgements, scorer);
    });
    std::string out;
    for (const ScorerResult& result : evaluation.results) {
      for (const rows::Scored& row : result.verdicts)
        out += result.scores.scorer + " " + row.id + " " + rows::verdict_name(row.judged.verdict) + "\n";
    }
    return out;
  }

  test::TempDir folder_;
  std::vector<rows::Question> questions_;
  std::vector<rows::Prediction> predictions_;
  std::vector<std::string> scorers_ = {"official", "rrpo", "lmms", "ours"};
};

TEST_F(Hearings, AreRecordedResumedAndReplayed) {
  MockJudge server([](const Json& request, int64_t) { return good(request); });
  const Judge judge(fields_of("mock", server.url()));
  EXPECT_EQ(asked(judge).size(), 7u);  // not about `yes`, which all read, and not about the failed one
  const Hearing first = heard(judge);
  EXPECT_TRUE(first.complete && !first.unusable);
  EXPECT_EQ(server.requests(), 7);
  EXPECT_LE(server.requests(), most_prompts(questions_, scorers_));
  const std::string said = verdicts(judge, first);
  for (const char* row :
       {"official multi-choice/0 right", "rrpo multi-choice/0 right", "official multi-choice/1 right",
        "lmms multi-choice/1 unjudged", "official multi-choice/2 wrong", "rrpo yes_no/3 unjudged", "official yes_no/4 right",
        "rrpo caption_matching/5 right", "official captioning/6 right", "ours captioning/6 right",
        "official captioning/7 wrong", "lmms captioning/6 unjudged", "official yes_no/failed failed"})
    EXPECT_THAT(said, HasSubstr(std::string(row) + "\n"));
  const JudgeCounts counts = judge_counts(asked(judge), first.judgements);
  EXPECT_EQ(counts.asked, 7);
  EXPECT_EQ(counts.judged, 6);
  EXPECT_EQ(counts.neither, 1);
  EXPECT_EQ(counts.silent, 0);
  EXPECT_EQ(judge_json(judge).at("wording"), "ours");
  EXPECT_EQ(counts_json(counts).dump(), R"({"asked":7,"judged":6,"neither":1,"silent":0})");
  EXPECT_EQ(verdicts(judge, heard(judge)), said);
  EXPECT_EQ(server.requests(), 7) << "what is on record is not asked again";

  JudgeFields offline = judge.fields();
  offline.llm.chat.endpoint = "";
  offline.llm.replay = folder_ / "judgements.jsonl";
  EXPECT_EQ(verdicts(Judge(offline), heard(Judge(offline))), said);
  offline.llm.chat.model = "another";
  EXPECT_EQ(judge_counts(asked(Judge(offline)), heard(Judge(offline)).judgements).silent, 7);
}

TEST_F(Hearings, HearOnlyWhatAScorerHandsOn) {
  MockJudge server([](const Json& request, int64_t) { return good(request); });
  scorers_ = {"official"};
  heard(Judge(fields_of("mock", server.url())));
  EXPECT_EQ(server.requests(), 6) << "the bare letter is read by the rules";
  scorers_ = {"lmms", "vlmeval"};
  EXPECT_TRUE(asked(Judge(fields_of("mock"))).empty());
}

TEST_F(Hearings, OfControlsAskAboutEachReplyOnce) {
  std::vector<rows::Prediction> blank = predictions_;
  blank[1].raw = "to the right";
  const Judge judge(fields_of("mock"));
  const auto both = judge.asked(questions_, {{"clip", &predictions_}, {"blank", &blank}}, scorers_);
  ASSERT_EQ(both.size(), 7u);
  EXPECT_EQ(both[0].prompts.size(), 1u);
  ASSERT_EQ(both[1].prompts.size(), 2u);
  EXPECT_EQ(both[1].prompts[0].on, "clip");
  EXPECT_EQ(both[1].prompts[1].on, "blank");
}

TEST_F(Hearings, ASilentJudgeLeavesUnjudged) {
  std::atomic<bool> healthy = false;
  MockJudge server([&](const Json& request, int64_t) {
    const std::string text = request.at("messages").at(1).at("content");
    const bool silent = !healthy && text.find("Which way") != std::string::npos;
    return silent ? MockReply{.status = 500} : good(request);
  });
  const Judge judge(fields_of("mock", server.url()));
  const Hearing hearing = heard(judge);
  EXPECT_FALSE(hearing.unusable);
  const JudgeCounts counts = judge_counts(asked(judge), hearing.judgements);
  EXPECT_EQ(counts.silent, 5);  // three choices, and the captions, which are asked about the same question
  EXPECT_EQ(counts.judged, 1);
  EXPECT_EQ(counts.first_silent, "multi-choice/0: the judge: HTTP 500 (2 tries)");
  const std::string said = verdicts(judge, hearing);
  EXPECT_THAT(said, HasSubstr("official multi-choice/0 right\n")) << "the rules read it";
  EXPECT_THAT(said, HasSubstr("rrpo multi-choice/0 unjudged\n"));
  EXPECT_THAT(said, HasSubstr("official captioning/6 unjudged\n"));
  healthy = true;
  const int64_t before = server.requests();
  EXPECT_EQ(judge_counts(asked(judge), heard(judge).judgements).silent, 0);
  EXPECT_EQ(server.requests() - before, 5) << "only what got no reply is asked again";
}

TEST_F(Hearings, AnUnusableJudgeKeepsWhatWasSaid) {
  MockJudge server(
      [](const Json& request, int64_t number) { return number < 2 ? good(request) : MockReply{.status = 401}; });
  JudgeFields fields = fields_of("mock", server.url());
  fields.llm.chat.concurrency = 1;
  const Judge judge(fields);
  const Hearing hearing = heard(judge);
  ASSERT_TRUE(hearing.unusable);
  EXPECT_EQ(hearing.unusable->fault(), Fault::judge);
  EXPECT_THAT(hearing.unusable->what(), HasSubstr("(HTTP 401); 2 verdicts kept; fix: see eval.llm.endpoint"));
  const JudgeCounts counts = judge_counts(asked(judge), hearing.judgements);
  EXPECT_EQ(counts.judged, 2);
  EXPECT_EQ(counts.silent, 5);
  EXPECT_THAT(verdicts(judge, hearing), HasSubstr("official multi-choice/0 right\n"));
}

TEST_F(Hearings, ThePublishedTableSaysWhoJudged) {
  Evaluation evaluation = evaluate(questions_, predictions_, {"rrpo"}, {});
  const auto reasons = [&] { return join(published_table(evaluation).unlike, "\n"); };
  ASSERT_NE(evaluation.benchmark, nullptr);
  EXPECT_EQ(reasons().find("own wording"), std::string::npos);
  evaluation.judge_note = Judge(fields_of("m")).note();
  EXPECT_THAT(reasons(), HasSubstr("own wording of the judge"));
  for (const Compared& row : published_table(evaluation).rows) EXPECT_FALSE(row.difference);
}

}  // namespace
}  // namespace rrpo::eval
