// Videos answered together, and by several policies: what depends on it and what must not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "rrpo/data/answers.h"
#include "rrpo/data/media.h"
#include "rrpo/data/shard.h"
#include "rrpo/rows/question.h"
#include "tiny_world.h"

namespace rrpo::data {
namespace {

class AnswersTogether : public testing::Test {
 protected:
  AnswersTogether() : world_(5, 2), questions_(rows::read_questions(world_.questions())) {}

  AnswerRules rules(int64_t together, int64_t threads = 1) const {
    AnswerRules rules{.root = world_.root(), .video = {}, .max_new_tokens = 6, .threads = threads};
    rules.together = together;
    return rules;
  }
  /// Everything that is said of each video.
  std::vector<Json> said(const std::vector<const policy::Policy*>& policies, const AnswerRules& rules,
                         std::vector<VideoQuestions> groups) const {
    std::vector<Json> out;
    AnswerStream stream(policies, questions_, std::move(groups), rules);
    while (const auto video = stream.next()) {
      Json row = {{"group", video->group}, {"fault", video->fault}, {"frames", video->frames}, {"input", video->input}};
      for (const policy::Generated& answer : video->answers) row["ids"].push_back(answer.ids);
      for (const policy::PromptHashes& hashes : video->prompts) row["prompts"].push_back({hashes.text, hashes.ids});
      out.push_back(row);
    }
    return out;
  }

  test::TinyWorld world_;
  std::vector<rows::Question> questions_;
};

TEST_F(AnswersTogether, OfVideosThatGrowTogetherAreThoseOfEach) {
  const policy::Policy policy = world_.open(model::Dtype::float64);
  const std::vector<Json> alone = said({&policy}, rules(1), group_by_video(questions_));
  ASSERT_EQ(alone.size(), 5U);
  for (const int64_t together : {2, 3, 8}) {
    for (const int64_t threads : {0, 1, 3})
      EXPECT_EQ(said({&policy}, rules(together, threads), group_by_video(questions_)), alone) << together << threads;
  }
}

/// One video of a block cannot be read: the others are answered.
TEST_F(AnswersTogether, OfABlockDoNotNeedAllItsVideos) {
  const policy::Policy policy = world_.open(model::Dtype::float64);
  std::filesystem::remove(world_.root() / "1-0.png");
  const std::vector<Json> alone = said({&policy}, rules(1), group_by_video(questions_));
  EXPECT_NE(alone[1]["fault"], "");
  EXPECT_EQ(said({&policy}, rules(3), group_by_video(questions_)), alone);
}

TEST_F(AnswersTogether, OfSeveralPoliciesAreThoseOfOne) {
  const policy::Policy first = world_.open(), second = world_.open();
  for (const int64_t together : {1, 2}) {
    const std::vector<Json> one = said({&first}, rules(together), group_by_video(questions_));
    for (const int64_t threads : {1, 2})
      EXPECT_EQ(said({&first, &second}, rules(together, threads), group_by_video(questions_)), one) << together << threads;
  }
}

/// The processor of Qwen2.5-VL takes no picture that is over 200 times as wide as high: such a row fails, the others do not.
TEST_F(AnswersTogether, OfAPictureThatTheProcessorRefusesAreAFault) {
  policy::ModelConfig config;
  config.path = test::source_file("tests/golden/qwen2_5_vl/checkpoint");
  const policy::Policy policy = policy::open_policy(config, "cpu");
  EXPECT_TRUE(policy.lvlm.vision().frame_runs({.frames = 2, .height = 56, .width = 56}).empty());
  const test::TempDir dir;
  for (const auto& [name, width] : {std::pair("wide.png", 602), std::pair("plain.png", 64)}) {
    video::Frames picture{1, 2, width, {}, {0}, {0}};
    picture.rgb.assign(static_cast<size_t>(picture.frame_bytes()), 90);
    io::write_file(dir / name, video::encode_png(picture, 0));
  }
  std::vector<rows::Question> asked(2, questions_.front());
  asked[0].media.frames = {"wide.png", "wide.png"};
  asked[1].media.frames = {"plain.png", "plain.png"};
  AnswerRules how{.root = dir.path(), .video = {}, .max_new_tokens = 2};
  AnswerStream stream(policy, asked, group_by_video(asked), how);
  EXPECT_THAT(stream.next()->fault, testing::HasSubstr("a picture of"));
  EXPECT_EQ(stream.next()->fault, "");

  how.heard = [](const rows::Question&, const std::vector<double>&) { return std::vector<std::string>{}; };
  AnswerStream hearing(policy, asked, group_by_video(asked), how);
  EXPECT_THAT(hearing.next()->fault, testing::HasSubstr("a picture of"));
  EXPECT_THROW(hearing.next(), Error) << "this eye shows a clip in one piece";
}

/// Options and subtitles are part of what is put: a control token in them is refused as one in the question is.
TEST_F(AnswersTogether, OfWordsThatWouldControlTheModelAreAFault) {
  const policy::Policy policy = world_.open();
  AnswerRules how = rules(1);
  how.ask = [&](const rows::Question& question, const video::Frames&) {
    return policy::Ask{question.question + (question.id == questions_.front().id ? "\nA. <|im_end|>" : "\nA. red")};
  };
  const std::vector<Json> rows = said({&policy}, how, group_by_video(questions_));
  EXPECT_THAT(rows[0]["fault"].get<std::string>(), testing::HasSubstr("its options or subtitles hold <|im_end|>"));
  EXPECT_EQ(rows[1]["fault"], "");
}

/// Words between frames that are none change nothing; others change the prompt, for those questions that hear them.
TEST_F(AnswersTogether, HearWhatStandsBetweenTheFrames) {
  const policy::Policy policy = world_.open(model::Dtype::float64);
  AnswerRules silent = rules(1), loud = rules(1), other = rules(1);
  const size_t runs = policy.lvlm.vision().frame_runs(*square_form(policy, 2)).size();
  ASSERT_EQ(runs, 2U);
  const std::vector<model::VisualRun> each = policy.lvlm.vision().frame_runs(*square_form(policy, 2));
  EXPECT_EQ(each[1].count, each[0].count + 1) << "the newline at the end belongs to the last frame";
  silent.heard = [&](const rows::Question&, const std::vector<double>& times) {
    EXPECT_EQ(times.size(), runs);
    return std::vector<std::string>(runs + 1);
  };
  loud.heard = [&](const rows::Question& question, const std::vector<double>&) {
    const bool hears = question.id != questions_.front().id;
    return hears ? std::vector<std::string>{"", "a bell", "a voice"} : std::vector<std::string>(runs + 1);
  };
  other.heard = [](const rows::Question&, const std::vector<double>&) {
    return std::vector<std::string>{"", "<|im_end|>", ""};
  };
  const auto groups = group_by_video(questions_);
  const std::vector<Json> plain = said({&policy}, rules(1), groups), none = said({&policy}, silent, groups),
                          some = said({&policy}, loud, groups), bad = said({&policy}, other, groups);
  for (size_t i = 0; i < groups.size(); ++i) {
    EXPECT_EQ(none[i]["ids"], plain[i]["ids"]);
    EXPECT_EQ(some[i]["fault"], "");
    EXPECT_THAT(bad[i]["fault"].get<std::string>(), testing::HasSubstr("a control token of this tokenizer"));
    for (size_t k = 0; k < groups[i].questions.size(); ++k) {
      const bool hears = groups[i].questions[k] != 0;
      EXPECT_EQ(some[i]["prompts"][k] != none[i]["prompts"][k], hears);
      EXPECT_TRUE(hears || some[i]["ids"][k] == none[i]["ids"][k]);
    }
  }
}

/// Qwen3-VL shows two frames in one run; the last of an odd number twice.
TEST_F(AnswersTogether, HearAtTheMomentsThatRunsShow) {
  policy::ModelConfig config;
  config.path = test::source_file("tests/golden/qwen3_vl/checkpoint");
  const policy::Policy policy = policy::open_policy(config, "cpu");
  const test::TempDir dir;
  for (const char* name : {"1.png", "2.png", "3.png"}) {
    video::Frames picture{1, 64, 64, {}, {0}, {0}};
    picture.rgb.assign(static_cast<size_t>(picture.frame_bytes()), static_cast<uint8_t>(name[0]));
    io::write_file(dir / name, video::encode_png(picture, 0));
  }
  std::vector<rows::Question> asked(1, questions_.front());
  asked[0].media.frames.clear();
  asked[0].media.folder = rows::PictureFolder{.path = ".", .pattern = "%d.png", .fps = 2, .first = 1};
  AnswerRules how{.root = dir.path(), .video = {}, .max_new_tokens = 2};
  how.video.frames = 3;
  std::vector<double> moments;
  how.heard = [&](const rows::Question&, const std::vector<double>& times) {
    moments = times;
    return std::vector<std::string>{"", "a bell", ""};
  };
  AnswerStream stream(policy, asked, group_by_video(asked), how);
  EXPECT_EQ(stream.next()->fault, "");
  EXPECT_THAT(moments, testing::ElementsAre(0.25, 1.0));
}

TEST_F(AnswersTogether, DrawTheSameInAnyCompany) {
  const policy::Policy policy = world_.open(model::Dtype::float64);
  AnswerRules alone = rules(1), together = rules(4);
  for (AnswerRules* one : {&alone, &together}) {
    one->samples = 3;
    one->temperature = 1;
    one->seed = 5;
  }
  EXPECT_EQ(said({&policy}, together, group_by_video(questions_)), said({&policy}, alone, group_by_video(questions_)));
}

/// More branches than a pass takes: a clip's later questions begin at the prefix that its first ones have read.
TEST_F(AnswersTogether, OfMoreQuestionsThanAPassTakes) {
  const policy::Policy policy = world_.open(model::Dtype::float64);
  AnswerRules few = rules(1), many = rules(1), together = rules(3);
  for (AnswerRules* one : {&few, &many, &together}) {
    one->temperature = 1;
    one->max_new_tokens = 2;
  }
  many.samples = together.samples = 21;  // two questions: 42 branches
  const std::vector<Json> once = said({&policy}, few, group_by_video(questions_));
  const std::vector<Json> often = said({&policy}, many, group_by_video(questions_));
  EXPECT_EQ(often, said({&policy}, together, group_by_video(questions_)));
  for (size_t v = 0; v < once.size(); ++v) {
    EXPECT_EQ(often[v]["ids"].size(), 42U);
    EXPECT_EQ(often[v]["ids"][0], once[v]["ids"][0]);
    EXPECT_EQ(often[v]["ids"][21], once[v]["ids"][1]);
  }
}

/// A block with anything open is asked whole, and blocks stay those of the whole run.
TEST_F(AnswersTogether, OfABlockAreGivenAgainTogether) {
  const auto left = [&](int64_t together, const std::vector<size_t>& open) {
    std::vector<VideoQuestions> groups = group_by_video(questions_);
    std::vector<std::string> keys, kept;
    for (const VideoQuestions& group : groups) keys.push_back(group.media.key());
    drop_answered(groups, together, [&](const VideoQuestions& group) {
      return std::none_of(open.begin(), open.end(), [&](size_t v) { return keys[v] == group.media.key(); });
    });
    std::vector<size_t> numbers;
    for (const VideoQuestions& group : groups)
      numbers.push_back(static_cast<size_t>(std::find(keys.begin(), keys.end(), group.media.key()) - keys.begin()));
    return numbers;
  };
  EXPECT_THAT(left(1, {1, 4}), testing::ElementsAre(1, 4));
  EXPECT_THAT(left(2, {1, 4}), testing::ElementsAre(0, 1, 4));
  EXPECT_THAT(left(2, {2}), testing::ElementsAre(2, 3));
  EXPECT_THAT(left(3, {}), testing::IsEmpty());
}

TEST_F(AnswersTogether, NoShardCutsABlock) {
  std::set<std::string> seen;
  for (int64_t part = 0; part < 2; ++part) {
    const std::vector<rows::Question> own = shard_questions(questions_, {part, 2}, 2);
    for (const rows::Question& question : own) {
      EXPECT_TRUE(seen.insert(question.id).second);
      for (const rows::Question& neighbour : block_with(questions_, question.media, 2))
        EXPECT_TRUE(std::any_of(own.begin(), own.end(), [&](const auto& one) { return one.id == neighbour.id; }));
    }
  }
  EXPECT_EQ(seen.size(), questions_.size());
}

TEST_F(AnswersTogether, OfOneQuestionAreGivenWithItsBlock) {
  const std::vector<VideoQuestions> groups = group_by_video(questions_);
  for (const int64_t together : {1, 2, 3}) {
    for (size_t v = 0; v < groups.size(); ++v) {
      const size_t first = v / static_cast<size_t>(together) * static_cast<size_t>(together);
      std::vector<std::string> expected, actual;
      for (const rows::Question& question : questions_) {
        for (size_t w = first; w < std::min(groups.size(), first + static_cast<size_t>(together)); ++w) {
          if (question.media.key() == groups[w].media.key()) expected.push_back(question.id);
        }
      }
      for (const rows::Question& one : block_with(questions_, groups[v].media, together)) actual.push_back(one.id);
      EXPECT_EQ(actual, expected) << together << " " << v;
    }
  }
}

}  // namespace
}  // namespace rrpo::data
