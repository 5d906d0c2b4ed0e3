// LLaVA-OneVision in bfloat16, in shards, with a tied head, by scripts/oracles/onevision_variants.py.
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include "../../src/model/layers.h"
#include "policy/golden.h"
#include "rrpo/model/weights.h"

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
at::Tensor first_logits(const Policy& policy, const at::Tensor& visual, const Json& prompt) {
  LabelledRows rows;
  const int64_t video = rows.add_video(ids_of(prompt.at("before")), visual.size(0), 0);
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
    const at::Tensor visual = model::encode(policy.lvlm, clip_pixels(policy, video));
    ASSERT_EQ(visual.size(0), video.at("visual_tokens").get<int64_t>());
    EXPECT_LT(relative(some_rows(visual), tensors_.at(std::string("visual.") + name)), tolerance) << name;
    EXPECT_LT(relative(first_logits(policy, visual, video), tensors_.at(std::string("logits.") + name)), tolerance) << name;
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
