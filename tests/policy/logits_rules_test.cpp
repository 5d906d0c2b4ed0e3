// Settings of generation_config.json: values computed by hand from transformers' own definitions
// (RepetitionPenalty-, NoRepeatNGram-, NoBadWords-, MinNewTokensLength-, SuppressTokens(AtBegin)LogitsProcessor).
#include "rrpo/policy/logits_rules.h"

#include <gmock/gmock.h>

#include <cmath>

#include "policy/golden.h"
#include "rrpo/policy/generate.h"
#include "rrpo/util/notes.h"

namespace rrpo::policy::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const float kNo = -std::numeric_limits<float>::infinity();

std::vector<float> after(const LogitsRules& rules, const std::vector<int64_t>& prompt, const std::vector<int64_t>& said,
                         std::vector<float> logits = {4, -2, 1, 0.5f, -1, 3}) {
  apply_rules(rules, {5}, prompt, said, logits.data(), static_cast<int64_t>(logits.size()));
  return logits;
}

TEST(LogitsRules, RepetitionIsPenalisedOncePerToken) {
  LogitsRules rules;
  rules.repetition_penalty = 2;
  EXPECT_THAT(after(rules, {0, 0, 1}, {2, 99}), ElementsAre(2, -4, 0.5f, 0.5f, -1, 3));
  rules.sees_prompt = false;
  EXPECT_THAT(after(rules, {0, 0, 1}, {2}), ElementsAre(4, -2, 0.5f, 0.5f, -1, 3));
}

TEST(LogitsRules, NoSequenceOccursTwice) {
  LogitsRules rules;
  rules.no_repeat_ngram_size = 3;
  EXPECT_THAT(after(rules, {1, 2, 3}, {4, 1, 2}), ElementsAre(4, -2, 1, kNo, -1, 3));
  EXPECT_THAT(after(rules, {}, {1, 2}), ElementsAre(4, -2, 1, 0.5f, -1, 3));
  rules.no_repeat_ngram_size = 1;
  EXPECT_THAT(after(rules, {1}, {3}), ElementsAre(4, kNo, 1, kNo, -1, 3));
}

TEST(LogitsRules, WordsAndTokensAreBanned) {
  LogitsRules rules;
  rules.bad_words = {{0}, {3, 4}, {1, 2, 3}, {5}};
  EXPECT_THAT(after(rules, {7}, {3}), ElementsAre(kNo, -2, 1, 0.5f, kNo, 3));  // a stop id alone is no word
  EXPECT_THAT(after(rules, {7, 1}, {2}), ElementsAre(kNo, -2, 1, kNo, -1, 3));
  EXPECT_THAT(after(rules, {}, {3}), ElementsAre(kNo, -2, 1, 0.5f, -1, 3));  // a word longer than the text
  rules = {};
  rules.suppressed = {2, 1000};
  rules.suppressed_first = {0};
  rules.min_new_tokens = 2;
  EXPECT_THAT(after(rules, {}, {}), ElementsAre(kNo, -2, kNo, 0.5f, -1, kNo));
  EXPECT_THAT(after(rules, {}, {4}), ElementsAre(4, -2, kNo, 0.5f, -1, kNo));
  EXPECT_THAT(after(rules, {}, {4, 4}), ElementsAre(4, -2, kNo, 0.5f, -1, 3));
}

/// A copy of the tiny checkpoint with other settings.
class Settings : public testing::Test {
 protected:
  Settings() {
    for (const auto& entry : std::filesystem::directory_iterator(golden("tiny").checkpoint)) {
      std::filesystem::copy_file(entry.path(), folder_.path() / entry.path().filename());
    }
  }
  Policy open(const Json& settings) const {
    folder_.write("generation_config.json", settings.dump());
    ModelConfig config;
    config.path = folder_.path();
    return open_policy(config, "cpu");
  }
  std::vector<int64_t> answer(const Policy& policy, int64_t count = 12) const {
    const Json& clip = golden("tiny").json.at("clips")[1];
    const model::VisualTokens visual = encode_clip(policy, clip);
    return generate(policy, visual, {clip.at("question").get<std::string>()}, count).at(0).ids;
  }
  rrpo::test::TempDir folder_;
};

TEST_F(Settings, ChangeTheAnswerAndAreSaid) {
  const std::vector<int64_t> plain = answer(open(Json::object()));
  EXPECT_EQ(answer(open({{"repetition_penalty", 1.0}, {"do_sample", false}, {"temperature", 0.3}})), plain);
  EXPECT_THAT(logits_note(folder_.path()), testing::IsEmpty());
  const std::vector<int64_t> without = answer(open({{"suppress_tokens", {plain[0]}}}));
  EXPECT_EQ(std::count(without.begin(), without.end(), plain[0]), 0);
  EXPECT_EQ(answer(open({{"begin_suppress_tokens", {plain[0]}}}), 1)[0], without[0]);
  const std::vector<int64_t> once = answer(open({{"no_repeat_ngram_size", 1}, {"do_sample", true}, {"top_p", 0.8}}), 12);
  EXPECT_EQ(std::set<int64_t>(once.begin(), once.end()).size(), once.size());
  EXPECT_THAT(logged_notes(), testing::Contains(testing::AllOf(HasSubstr((folder_ / "generation_config.json").string()),
                                                               HasSubstr("applied: no_repeat_ngram_size;"),
                                                               HasSubstr("do_sample=true, top_p=0.8"))));
}

// Every key that is not known to change nothing, also one that no release of transformers has.
TEST_F(Settings, ThatAreNotAppliedAreSaid) {
  const auto note = [&](const Json& settings) {
    folder_.write("generation_config.json", settings.dump());
    return logits_note(folder_.path());
  };
  for (const auto& [key, value] : std::vector<std::pair<std::string, Json>>{{"force_words_ids", {{3, 4}}},
                                                                            {"constraints", {{{"type", "phrase"}}}},
                                                                            {"dola_layers", "high"},
                                                                            {"num_beams", 4},
                                                                            {"min_length", 7},
                                                                            {"reverse_every_answer", true},
                                                                            {"an_invented_number", 3}}) {
    EXPECT_THAT(note({{key, value}}), HasSubstr(key + "=")) << value;
  }
  for (const char* key : {"force_words_ids", "constraints", "dola_layers", "reverse_every_answer"}) {
    for (const Json& nothing : {Json(), Json(false), Json::array(), Json("")})
      EXPECT_THAT(note({{key, nothing}}), testing::IsEmpty()) << key << nothing;
  }
}

// As the checkpoints of the field have them.
TEST_F(Settings, OfTheUsualKindAreQuiet) {
  for (const char* name : {"tests/golden/onevision/tiny/checkpoint", "tests/golden/llava_qwen/checkpoint",
                           "tests/golden/onevision_variants/checkpoint"})
    EXPECT_THAT(logits_note(rrpo::test::source_file(name)), testing::IsEmpty()) << name;
  for (const char* usual : {R"({"bos_token_id": 151643, "do_sample": false, "eos_token_id": 151643, "max_new_tokens": 2048,
                                "transformers_version": "4.37.0"})",
                            R"({"_from_model_config": true, "attn_implementation": "flash_attention_2", "bos_token_id": 1,
                                "eos_token_id": [2], "pad_token_id": 0, "max_length": 4096, "temperature": 0.7, "top_p": 0.8,
                                "top_k": 20, "repetition_penalty": 1.0, "num_beams": 1, "min_length": 0, "use_cache": true,
                                "output_scores": false, "return_dict_in_generate": false, "cache_implementation": "static",
                                "transformers_version": "4.40.0.dev0"})"}) {
    folder_.write("generation_config.json", usual);
    EXPECT_THAT(logits_note(folder_.path()), testing::IsEmpty()) << usual;
  }
}

TEST_F(Settings, ThatAreNoneAreRefused) {
  for (const auto& [key, value] : std::vector<std::pair<std::string, Json>>{{"repetition_penalty", 0},
                                                                            {"repetition_penalty", "high"},
                                                                            {"no_repeat_ngram_size", -1},
                                                                            {"suppress_tokens", 3},
                                                                            {"suppress_tokens", {"a"}},
                                                                            {"bad_words_ids", Json::array({Json::array()})},
                                                                            {"bad_words_ids", {1, 2}}}) {
    try {
      open({{key, value}});
      FAIL() << key << value;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::input);
      EXPECT_THAT(error.what(), HasSubstr("generation_config.json#" + key));
    }
  }
}

/// The tiny checkpoint has 512 positions.
TEST_F(Settings, AQuestionBeyondThePositionsIsNotAsked) {
  const Policy policy = open(Json::object());
  ASSERT_EQ(policy.positions, 512);
  const Json& clip = golden("tiny").json.at("clips")[1];
  const model::VisualTokens visual = encode_clip(policy, clip);
  std::string longer;
  for (int i = 0; i < 20000; ++i) longer += "word ";
  const std::string question = clip.at("question").get<std::string>();
  const auto answers = generate(policy, visual, {longer, question}, 12);
  EXPECT_THAT(answers[0].fault, testing::AllOf(HasSubstr(" tokens ("), HasSubstr("the model has 512 positions")));
  EXPECT_TRUE(answers[0].ids.empty());
  EXPECT_TRUE(answers[1].fault.empty());
  EXPECT_EQ(answers[1].ids, generate(policy, visual, {question}, 12)[0].ids);
}

/// An answer ends where the positions do.
TEST_F(Settings, AnAnswerEndsAtTheLastPosition) {
  const Policy policy = open(Json::object());
  const Json& clip = golden("tiny").json.at("clips")[1];
  const model::VisualTokens visual = encode_clip(policy, clip);
  std::string question = "a";
  const auto tokens = [&] {
    const text::PromptIds prompt = text::encode_prompt(*policy.tokenizer, policy.chat, question);
    return static_cast<int64_t>(prompt.before.size() + prompt.after.size()) + visual.size();
  };
  while (tokens() < 509) question += " a";
  const int64_t room = 512 - tokens() + 1;
  const policy::Generated answer = generate(policy, visual, {question}, 50)[0];
  EXPECT_TRUE(answer.finished || static_cast<int64_t>(answer.ids.size()) == room);
  EXPECT_LE(static_cast<int64_t>(answer.ids.size()), room);
}

}  // namespace
}  // namespace rrpo::policy::test
