// The same model on a GPU: skipped where there is none.
#include <ATen/core/grad_mode.h>

#include "policy/golden.h"
#include "rrpo/policy/device.h"
#include "rrpo/policy/generate.h"

namespace rrpo::policy::test {
namespace {

Policy open_on(const std::string& device, const std::string& dtype) {
  ModelConfig config;
  config.path = golden("tiny").checkpoint;
  config.adapter = golden("tiny").adapter;
  config.dtype = dtype;
  return open_policy(config, device);
}

/// Logits of the golden rows of clip 2.
at::Tensor logits_on(const Policy& policy, const std::string& device) {
  const Json& clip = golden("tiny").json.at("clips")[2];
  const at::Tensor visual = model::encode(policy.lvlm, clip_pixels(policy, clip).to(at::Device(device)));
  LabelledRows rows;
  const int64_t video = rows.add_video(ids_of(clip.at("before")), visual.size(0), 0);
  rows.add_answer(rows.add_question(video, ids_of(clip.at("after"))), {ids_of(clip.at("greedy")), std::vector<int64_t>(20)},
                  0);
  return model::hidden(policy.lvlm, rows.rows, {visual}).matmul(model::head(policy.lvlm).t()).to(at::kFloat).cpu();
}

class Cuda : public testing::TestWithParam<std::pair<std::string, double>> {};
INSTANTIATE_TEST_SUITE_P(Types, Cuda, testing::Values(std::pair{"float32", 1e-4}, std::pair{"bfloat16", 5e-2}),
                         [](const auto& info) { return info.param.first; });

TEST_P(Cuda, LogitsAreThoseOfTheCpu) {
  if (!open_cuda()) GTEST_SKIP() << "no GPU";
  const at::NoGradGuard no_grad;
  const auto& [dtype, tolerance] = GetParam();
  const at::Tensor expected = logits_on(open_on("cpu", "float32"), "cpu");
  EXPECT_LT(relative(logits_on(open_on("cuda", dtype), "cuda"), expected), tolerance);
}

TEST(CudaGenerate, AnswersAsTheCpuDoes) {
  if (!open_cuda()) GTEST_SKIP() << "no GPU";
  ModelConfig config;
  config.path = golden("tiny").checkpoint;
  Policy policy = open_policy(config, "cuda");
  policy.stop_ids.clear();
  const Json& clip = golden("tiny").json.at("clips")[0];
  const at::NoGradGuard no_grad;
  const at::Tensor visual = model::encode(policy.lvlm, clip_pixels(policy, clip).to(at::kCUDA));
  EXPECT_EQ(generate(policy, visual, {clip.at("question").get<std::string>()}, 20).at(0).ids, ids_of(clip.at("greedy")));
}

}  // namespace
}  // namespace rrpo::policy::test
