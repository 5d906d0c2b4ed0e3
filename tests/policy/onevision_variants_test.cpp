// LLaVA-OneVision in bfloat16, in shards, with a tied head, by scripts/oracles/onevision_variants.py.
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include "../../src/model/layers.h"
#include "policy/golden.h"
#include "rrpo/model/weights.h"
#include "rrpo/video/tiles.h"
#include "support/parity.h"

namespace rrpo::policy::test {
namespace {

class Variants : public testing::Test {
 protected:
  static std::filesystem::path folder() { return rrpo::test::source_file("tests/golden/onevision_variants"); }
  static Policy open(model::Dtype dtype, const ModelConfig& given = {}) {
    ModelConfig config = given;
    config.path = folder() / "checkpoint";
    return open_policy(config, "cpu", dtype);
  }
  rrpo::test::Comparison compared(const std::string& what, double tolerance = 0) const {
    return {"llava_onevision", rrpo::test::original(json_, "transformers"), what, tolerance};
  }

  const Json json_ = read_json(folder() / "golden.json", "test");
  const std::map<std::string, at::Tensor> tensors_ = read_tensors(folder() / "golden.safetensors");
  const at::NoGradGuard no_grad_;
};

/// Every 17th row, and the last.
at::Tensor some_rows(const at::Tensor& value) {
  std::vector<int64_t> picked;
  for (int64_t i = 0; i < value.size(0); i += 17) picked.push_back(i);
  picked.push_back(value.size(0) - 1);
  return value.index_select(0, model::index_tensor(picked, at::kCPU));
}

/// Logits [1, V] of the row that predicts the answer's first token.
at::Tensor first_logits(const Policy& policy, const model::VisualTokens& visual, const Json& prompt) {
  LabelledRows rows;
  const int64_t video = rows.add_clip({ids_of(prompt.at("before"))}, visual.runs, 0);
  rows.add_answer(rows.add_question(video, ids_of(prompt.at("after"))), {{0}, {0}}, 0);
  return model::hidden(policy.lvlm, rows.rows, {visual}).matmul(model::head(policy.lvlm).t());
}

TEST_F(Variants, ShardsInBfloat16WithATiedHead) {
  const Json& video = json_.at("video");
  for (const auto& [dtype, name, tolerance] :
       {std::tuple{model::Dtype::float64, "exact", 3e-7}, std::tuple{model::Dtype::float32, "exact", 1e-4},
        std::tuple{model::Dtype::bfloat16, "bfloat16", 2e-2}}) {
    const Policy policy = open(dtype);
    EXPECT_EQ(model::head(policy.lvlm).const_data_ptr(), policy.lvlm.weights().decoder.embedding.const_data_ptr());
    const model::VisualTokens visual = encode_clip(policy, video);
    ASSERT_EQ(visual.size(), video.at("visual_tokens").get<int64_t>());
    const std::string of = " of bfloat16 shards with a tied head" + in_type(dtype);
    rrpo::test::expect_parity(compared("visual tokens" + of, tolerance),
                              relative(some_rows(visual.tokens), tensors_.at(std::string("visual.") + name)), name);
    rrpo::test::expect_parity(compared("logits" + of, tolerance),
                              relative(first_logits(policy, visual, video), tensors_.at(std::string("logits.") + name)),
                              name);
  }
}

TEST_F(Variants, StillsInTiles) {
  ModelConfig config;
  config.image = "anyres";
  for (const auto& [dtype, tolerance] : {std::pair{model::Dtype::float64, 3e-7}, std::pair{model::Dtype::float32, 1e-4}}) {
    const Policy policy = open(dtype, config);
    ASSERT_TRUE(policy.still.has_value());
    for (size_t i = 0; i < json_.at("pictures").size(); ++i) {
      const Json& picture = json_.at("pictures")[i];
      const video::Resolution size{picture.at("height"), picture.at("width")};
      const std::string place = std::to_string(size.height) + " x " + std::to_string(size.width);
      const model::ClipInput still = still_input(policy, picture, *policy.still);
      const at::Tensor& pixels = still.pixels.front();
      ASSERT_EQ(pixels.size(0), picture.at("tiles").get<int64_t>()) << place;
      rrpo::test::expect_same(
          compared("pixels of stills in tiles"),
          video::test::crc32(pixels.const_data_ptr(), pixels.nbytes()) == picture.at("crc32").get<uint32_t>(), place);
      const model::VisualTokens visual = model::encode(policy.lvlm, still);
      ASSERT_EQ(visual.size(), picture.at("visual_tokens").get<int64_t>()) << place;
      EXPECT_EQ(policy.lvlm.vision().runs(still.form), visual.runs) << place;
      rrpo::test::expect_parity(compared("visual tokens of stills in tiles" + in_type(dtype), tolerance),
                                relative(some_rows(visual.tokens), tensors_.at("picture." + std::to_string(i))), place);
      const auto expected = picture.at("fingerprint").get<std::vector<double>>();
      const std::vector<double> actual = fingerprint(visual.tokens, static_cast<int64_t>(expected.size()) - 1);
      for (size_t k = 0; k < expected.size(); ++k) EXPECT_NEAR(actual[k], expected[k], tolerance * expected[0]) << place;
      rrpo::test::expect_parity(
          compared("logits of stills in tiles" + in_type(dtype), tolerance),
          relative(first_logits(policy, visual, picture), tensors_.at("picture_logits." + std::to_string(i))), place);
      const text::PromptIds prompt =
          text::encode_prompt(*policy.tokenizer, policy.chat, json_.at("video").at("question").get<std::string>());
      EXPECT_EQ(prompt.before, ids_of(picture.at("before")));
      EXPECT_EQ(prompt.after, ids_of(picture.at("after")));
    }
  }
}

TEST_F(Variants, TilesAreAskedForAndOffered) {
  EXPECT_FALSE(open(model::Dtype::float32).still.has_value());
  ModelConfig config;
  config.image = "anyres";
  const rrpo::test::TempDir plain;
  for (const auto& entry : std::filesystem::directory_iterator(folder() / "checkpoint"))
    std::filesystem::copy_file(entry.path(), plain / entry.path().filename());
  Json json = read_json(plain / "config.json", "test");
  json.erase("image_grid_pinpoints");
  plain.write("config.json", json.dump());
  config.path = plain.path();
  try {
    open_policy(config, "cpu");
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_THAT(error.what(), testing::HasSubstr("offers no tiles"));
  }
}

TEST_F(Variants, OtherPoolingIsRefused) {
  ModelConfig config;
  config.video_pool = "bilinear";
  open(model::Dtype::float32, config);
  config.video_pool = "average";
  try {
    open(model::Dtype::float32, config);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    EXPECT_THAT(error.what(), testing::HasSubstr("model.video_pool: family llava_onevision pools bilinearly"));
  }
}

}  // namespace
}  // namespace rrpo::policy::test
