// The same model on a GPU: skipped where there is none.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include "../../src/model/families/rows.h"
#include "../../src/model/functions.h"
#include "policy/golden.h"
#include "rrpo/policy/device.h"
#include "rrpo/policy/generate.h"
#include "support/precision.h"

namespace rrpo::policy::test {
namespace {

Policy open_on(const std::string& name, const std::string& device, model::Dtype dtype) {
  ModelConfig config;
  config.path = golden(name).checkpoint;
  config.adapter = golden(name).adapter;
  return open_policy(config, device, dtype);
}

/// Logits of the golden rows of clip 2.
at::Tensor logits_on(const std::string& name, const std::string& device, model::Dtype dtype) {
  const Policy policy = open_on(name, device, dtype);
  const Json& clip = golden(name).json.at("clips")[2];
  const model::VisualTokens visual = encode_clip(policy, clip);
  LabelledRows rows;
  const int64_t video = rows.add_clip({ids_of(clip.at("before"))}, visual.runs, 0);
  rows.add_answer(rows.add_question(video, ids_of(clip.at("after"))), {ids_of(clip.at("greedy")), std::vector<int64_t>(20)},
                  0);
  return model::hidden(policy.lvlm, rows.rows, {visual}).matmul(model::head(policy.lvlm).t()).to(at::kFloat).cpu();
}

using rrpo::test::Precision;
class Cuda : public testing::TestWithParam<Precision> {};
INSTANTIATE_TEST_SUITE_P(Types, Cuda,
                         testing::Values(Precision{"double", model::Dtype::float64, 1e-9},
                                         Precision{"float32", model::Dtype::float32, 1e-4},
                                         Precision{"bfloat16", model::Dtype::bfloat16, 5e-2}),
                         rrpo::test::precision_name);

/// The heads of `tiny` have a width that fused kernels do not take, those of `toy` have one that they do.
TEST_P(Cuda, LogitsAreThoseOfTheCpu) {
  if (!open_cuda()) GTEST_SKIP() << "no GPU";
  const at::NoGradGuard no_grad;
  for (const std::string& name : cases()) {
    const at::Tensor expected = logits_on(name, "cpu", model::Dtype::float64);
    EXPECT_LT(relative(logits_on(name, "cuda", GetParam().dtype), expected), GetParam().tolerance) << name;
  }
}

/// A tree with equal and unequal branches, and attention over it with its gradients.
std::vector<at::Tensor> attention_on(const at::Device& device, at::ScalarType type, model::Attention kind) {
  model::PackedRows rows;
  const auto add = [&rows](int64_t length, int64_t parent) {
    return rows.add_segment(std::vector<int64_t>(static_cast<size_t>(length), 1), parent);
  };
  const int64_t a = add(150, -1), question = add(20, a);
  add(31, question);
  add(31, question);
  add(7, question);
  add(9, add(64, -1));
  std::vector<int64_t> every;
  for (size_t i = 0; i < rows.ids.size(); ++i) every.push_back(static_cast<int64_t>(i));
  const auto count = static_cast<int64_t>(every.size());
  const auto make = [&](int64_t heads, uint64_t seed) {
    Random random(seed, "attention");
    at::Tensor values = at::zeros({count, heads, 16}, at::kDouble);
    for (int64_t i = 0; i < values.numel(); ++i) values.mutable_data_ptr<double>()[i] = random.normal();
    return values.to(at::kBFloat16).to(device, type);  // values that every type holds
  };
  const at::Tensor q = make(8, 1).requires_grad_(true), k = make(2, 2).requires_grad_(true),
                   v = make(2, 3).requires_grad_(true);
  const at::Tensor out = model::attend(q, k, v, model::plan_attention(rows, every, kind, q.options()));
  out.mul(make(8, 4).flatten(1)).sum().backward();
  return {out, q.grad(), k.grad(), v.grad()};
}

TEST_P(Cuda, AttentionIsThatOfTheCpu) {
  if (!open_cuda()) GTEST_SKIP() << "no GPU";
  const std::vector<at::Tensor> expected = attention_on(at::kCPU, at::kDouble, model::Attention::merged);
  const at::ScalarType type = model::scalar_type(GetParam().dtype);
  std::vector<model::Attention> kinds = {model::Attention::dense};
  if (type == at::kBFloat16) kinds.push_back(model::Attention::split);
  for (const model::Attention kind : kinds) {
    const std::vector<at::Tensor> actual = attention_on(at::kCUDA, type, kind);
    for (size_t i = 0; i < actual.size(); ++i) {
      const at::Tensor wide = actual[i].detach().to(at::kCPU, at::kDouble);
      EXPECT_LT(relative(wide, expected[i].detach()), GetParam().tolerance)
          << i << (kind == model::Attention::split ? " split" : " dense");
    }
  }
}

TEST(CudaGenerate, AnswersAsTheCpuDoes) {
  if (!open_cuda()) GTEST_SKIP() << "no GPU";
  ModelConfig config;
  config.path = golden("tiny").checkpoint;
  Policy policy = open_policy(config, "cuda");
  policy.stop_ids.clear();
  const Json& clip = golden("tiny").json.at("clips")[0];
  const at::NoGradGuard no_grad;
  const model::VisualTokens visual = encode_clip(policy, clip);
  EXPECT_EQ(generate(policy, visual, {clip.at("question").get<std::string>()}, 20).at(0).ids, ids_of(clip.at("greedy")));
}

}  // namespace
}  // namespace rrpo::policy::test
