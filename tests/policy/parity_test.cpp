// The model against transformers and PEFT, by the golden files of scripts/oracles/onevision.py.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>

#include "policy/golden.h"
#include "rrpo/policy/generate.h"
#include "support/parity.h"

namespace rrpo::policy::test {
namespace {

using rrpo::test::expect_parity;
using rrpo::test::expect_same;
using rrpo::test::original;

constexpr const char* kPart = "llava_onevision";

class Parity : public testing::TestWithParam<std::string> {
 protected:
  const Golden& golden_ = golden(GetParam());
  const Json& clips_ = golden_.json.at("clips");
  const std::string transformers_ = original(golden_.json, "transformers");
  const at::NoGradGuard no_grad_;
};
INSTANTIATE_TEST_SUITE_P(Cases, Parity, testing::ValuesIn(cases()), [](const auto& info) { return info.param; });

/// Logits [n, V] of the rows that predict `ids` after one clip and question.
at::Tensor answer_logits(const Policy& policy, const model::VisualTokens& visual, const Json& after, const Json& before,
                         const std::vector<int64_t>& ids, model::Adapter adapter = model::Adapter::on) {
  LabelledRows rows;
  const int64_t video = rows.add_clip({ids_of(before)}, visual.runs, 0);
  rows.add_answer(rows.add_question(video, ids_of(after)), {ids, std::vector<int64_t>(ids.size())}, 0);
  return model::hidden(policy.lvlm, rows.rows, {visual}, adapter).matmul(model::head(policy.lvlm).t());
}

TEST_P(Parity, PromptsAndAnswersAreTheSameIds) {
  const Policy policy = open_case(golden_, model::Dtype::float32);
  for (const Json& clip : clips_) {
    const text::PromptIds prompt =
        text::encode_prompt(*policy.tokenizer, policy.chat, clip.at("question").get<std::string>());
    expect_same({kPart, transformers_, "ids of prompts"},
                prompt.before == ids_of(clip.at("before")) && prompt.after == ids_of(clip.at("after")), clip.at("question"));
  }
  for (const Json& pair : golden_.json.at("pairs")) {
    EXPECT_EQ(text::encode_prompt(*policy.tokenizer, policy.chat, pair.at("question").get<std::string>()).after,
              ids_of(pair.at("after")));
    for (const char* side : {"chosen", "rejected"}) {
      const text::AnswerIds answer = text::encode_answer(*policy.tokenizer, marked_text(pair.at(side)), policy.end_of_turn);
      expect_same({kPart, transformers_, "ids and marks of answers"},
                  answer.ids == ids_of(pair.at(side).at("ids")) && answer.phrase == ids_of(pair.at(side).at("phrase")),
                  pair.at(side).at("text"));
    }
  }
}

TEST_P(Parity, PixelsAreTheSameBits) {
  const Policy policy = open_case(golden_, model::Dtype::float32);
  for (const Json& clip : clips_) {
    const at::Tensor pixels = clip_pixels(policy, clip);
    const Json& expected = clip.at("pixels");
    ASSERT_EQ(pixels.sizes().vec(), ids_of(expected.at("shape")));
    const float* values = pixels.const_data_ptr<float>();
    for (size_t i = 0; i < expected.at("at").size(); ++i) {
      EXPECT_EQ(values[expected.at("at")[i].get<int64_t>()], expected.at("values")[i].get<float>()) << i;
    }
    expect_same({"frames to pixels",
                 transformers_ + " (slow processor), Pillow " + golden_.json.at("versions").at("PIL").get<std::string>(),
                 "pixels of clips"},
                video::test::crc32(values, pixels.nbytes()) == expected.at("crc32").get<uint32_t>());
  }
}

/// Golden values are float64 rounded to float32; a wrong GELU or epsilon moves them by 1e-5.
const std::vector<std::pair<model::Dtype, double>> kTolerances = {{model::Dtype::float64, 3e-7},
                                                                  {model::Dtype::float32, 1e-4}};

TEST_P(Parity, VisualTokens) {
  for (const auto& [dtype, tolerance] : kTolerances) {
    const Policy policy = open_case(golden_, dtype);
    for (size_t i = 0; i < clips_.size(); ++i) {
      const model::VisualTokens visual = encode_clip(policy, clips_[i]);
      const auto count = clips_[i].at("visual_tokens").get<int64_t>();
      EXPECT_EQ(visual.runs, clip_runs(policy, clips_[i]));
      EXPECT_EQ(visual.size(), count);
      expect_parity({kPart, transformers_, "visual tokens" + in_type(dtype), tolerance},
                    relative(visual.tokens, golden_.tensors.at("visual." + std::to_string(i))));
    }
  }
}

TEST_P(Parity, Logits) {
  for (const auto& [dtype, tolerance] : kTolerances) {
    const Policy policy = open_case(golden_, dtype);
    for (size_t i = 0; i < clips_.size(); ++i) {
      const at::Tensor& expected = golden_.tensors.at("logits." + std::to_string(i));
      std::vector<int64_t> ids = ids_of(clips_[i].at("greedy"));
      ids.resize(static_cast<size_t>(expected.size(0)));
      const model::VisualTokens visual = encode_clip(policy, clips_[i]);
      const at::Tensor logits = answer_logits(policy, visual, clips_[i].at("after"), clips_[i].at("before"), ids);
      expect_parity({kPart, transformers_, "logits" + in_type(dtype), tolerance}, relative(logits, expected));
    }
  }
}

TEST_P(Parity, GreedyTokens) {
  Policy policy = open_case(golden_, model::Dtype::float32);
  policy.stop_ids.clear();
  for (const Json& clip : clips_) {
    const model::VisualTokens visual = encode_clip(policy, clip);
    const auto limit = static_cast<int64_t>(clip.at("greedy").size());
    const Generated answer = generate(policy, visual, {clip.at("question").get<std::string>()}, limit).at(0);
    expect_same({kPart, transformers_, "greedy tokens"}, answer.ids == ids_of(clip.at("greedy")), answer.text);
    EXPECT_EQ(answer.text, clip.at("text").get<std::string>());
    EXPECT_FALSE(answer.finished);
  }
}

/// One answer of a golden pair; differences are absolute below 1 and relative above.
void expect_statistics(const Policy& policy, const model::VisualTokens& visual, const Json& pair, const Json& before,
                       const char* side, model::Dtype dtype, const std::string& peft) {
  const double tolerance = dtype == model::Dtype::float64 ? 1e-9 : 5e-5;
  const std::vector<int64_t> ids = ids_of(pair.at(side).at("ids"));
  const auto logp_of = [&](model::Adapter adapter) {
    return answer_logits(policy, visual, pair.at("after"), before, ids, adapter).to(at::kDouble).log_softmax(1);
  };
  const at::Tensor logp = logp_of(model::Adapter::on), reference = logp_of(model::Adapter::off);
  const at::Tensor label = at::tensor(ids).unsqueeze(1);
  const auto expect_near = [&](const at::Tensor& actual, const char* what) {
    const auto expected = pair.at(side).at(what).get<std::vector<double>>();
    ASSERT_EQ(actual.numel(), static_cast<int64_t>(expected.size()));
    for (size_t t = 0; t < expected.size(); ++t) {
      const double difference = std::abs(actual.select(0, static_cast<int64_t>(t)).item<double>() - expected[t]);
      expect_parity({kPart, peft, std::string(what) + " of answer tokens" + in_type(dtype), tolerance},
                    difference / std::max(1.0, std::abs(expected[t])), std::to_string(t));
    }
  };
  expect_near(logp.gather(1, label).squeeze(1), "logp");
  expect_near(reference.gather(1, label).squeeze(1), "ref_logp");
  expect_near(reference.exp().mul(reference.sub(logp)).sum({1}), "kl");
}

TEST_P(Parity, TokenStatisticsUnderAnAdapter) {
  const std::string peft = original(golden_.json, "peft");
  for (const model::Dtype dtype : {model::Dtype::float64, model::Dtype::float32}) {
    const Policy policy = open_case(golden_, dtype, true);
    for (const Json& pair : golden_.json.at("pairs")) {
      const Json& clip = clips_[pair.at("clip").get<size_t>()];
      const model::VisualTokens visual = encode_clip(policy, clip);
      for (const char* side : {"chosen", "rejected"}) {
        expect_statistics(policy, visual, pair, clip.at("before"), side, dtype, peft);
      }
    }
  }
}

TEST_P(Parity, QuestionsAnsweredTogetherAreAnsweredAlike) {
  Policy policy = open_case(golden_, model::Dtype::float32);
  std::vector<std::string> questions;
  for (const Json& clip : clips_) questions.push_back(clip.at("question"));
  const model::VisualTokens visual = encode_clip(policy, clips_[0]);
  const std::vector<Generated> together = generate(policy, visual, questions, 12);
  for (size_t k = 0; k < questions.size(); ++k) {
    const Generated alone = generate(policy, visual, {questions[k]}, 12).at(0);
    EXPECT_EQ(together[k].ids, alone.ids);
    EXPECT_EQ(together[k].finished, alone.finished);
  }
}

/// The tiny checkpoint's tensors without a head, and a configuration that ties it.
TEST(TiedHead, LogitsAreThoseOfTheEmbedding) {
  const at::NoGradGuard no_grad;
  const Golden& tiny = golden("tiny");
  const rrpo::test::TempDir folder;
  for (const auto& entry : std::filesystem::directory_iterator(tiny.checkpoint)) {
    std::filesystem::copy_file(entry.path(), folder.path() / entry.path().filename());
  }
  std::filesystem::copy_file(tiny.folder / "tied_config.json", folder / "config.json",
                             std::filesystem::copy_options::overwrite_existing);
  std::vector<std::vector<char>> bytes;
  std::vector<io::TensorBytes> kept;
  for (const io::TensorEntry& entry : io::read_safetensors_header(tiny.checkpoint / "model.safetensors")) {
    if (entry.name.ends_with("lm_head.weight")) continue;
    io::read_tensor_bytes(entry, bytes.emplace_back(static_cast<size_t>(entry.bytes)).data());
    kept.push_back({entry.name, entry.dtype, entry.shape, bytes.back().data()});
  }
  std::filesystem::remove(folder / "model.safetensors");
  io::write_safetensors(folder / "model.safetensors", kept);
  ModelConfig config;
  config.path = folder.path();
  const Policy policy = open_policy(config, "cpu");
  const Json& clip = tiny.json.at("clips")[0];
  const model::VisualTokens visual = encode_clip(policy, clip);
  const at::Tensor logits = answer_logits(policy, visual, clip.at("after"), clip.at("before"), {0});
  expect_parity({kPart, original(tiny.json, "transformers"), "logits of a tied head, float32", 2e-5},
                relative(logits, tiny.tensors.at("tied_logits.0")));
}

}  // namespace
}  // namespace rrpo::policy::test
