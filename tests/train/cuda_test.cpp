// Training on a GPU against the same on the CPU: skipped where there is no GPU.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "data/tiny_world.h"
#include "rrpo/data/loader.h"
#include "rrpo/data/tensor_file.h"
#include "rrpo/policy/device.h"
#include "rrpo/train/doctor.h"
#include "rrpo/train/learner.h"
#include "rrpo/train/pass.h"
#include "rrpo/train/score.h"
#include "rrpo/train/selftest.h"
#include "rrpo/train/trainer.h"
#include "support/precision.h"

namespace rrpo::train {
namespace {

using test::TinyWorld;

double relative(const at::Tensor& actual, const at::Tensor& expected) {
  const at::Tensor a = actual.detach().to(at::kCPU, at::kDouble), b = expected.detach().to(at::kCPU, at::kDouble);
  return (a.sub(b).norm().item<double>()) / b.norm().item<double>();
}

/// The toy base, whose heads are of a width that fused kernels take, with an adapter that is not zero.
TrainConfig toy_config(const TinyWorld& world, const std::string& device) {
  TrainConfig config;
  config.model.path = test::source_file("data/toy/base");
  config.model.adapter = test::source_file("tests/golden/onevision/toy/adapter");
  config.data.pairs = {world.pairs()};
  config.data.video_root = world.root();
  config.objective = {{"name", "rrpo"}, {"alpha", 0.05}, {"beta", 0.5}};
  config.optim.lr = 1e-3;
  config.train.batch_pairs = 4;
  config.train.micro_pairs = 4;
  config.train.steps = 3;
  config.train.save_every = 0;
  config.device = device;
  return config;
}

/// Loss of one pass over six pairs about three videos, and the gradient of the whole adapter.
struct Gradient {
  double loss = 0;
  at::Tensor values;
};
Gradient gradient_on(const TinyWorld& world, const std::string& device, model::Dtype dtype) {
  const TrainConfig config = toy_config(world, device);
  policy::Policy policy = policy::open_policy(config.model, device, dtype);
  const loss::Objective objective = loss::make_objective(config.objective);
  const data::Dataset rows = data::read_dataset(config.data.pairs, config.data.video_root, policy, {});
  const std::vector<model::NamedTensor> trained = prepare_trainable(policy, config);
  const data::LoaderRules rules{
      .root = world.root(), .video = {}, .order = {.seed = 1, .shuffle = false}, .batch = {.batch = 6, .micro = 6}};
  data::Loader loader(rows, policy, nullptr, rules, 0, 1);
  const Pass pass = forward({policy, objective}, rows, *loader.next());
  pass.outputs.at(0).loss.sum().backward();
  std::vector<at::Tensor> parts;
  for (const model::NamedTensor& weight : trained) {
    parts.push_back(weight.tensor->grad().to(at::kCPU, at::kDouble).flatten());
  }
  return {pass.outputs.at(0).loss.sum().item<double>(), at::cat(parts)};
}

at::Tensor adapter_of(const std::filesystem::path& out) {
  std::vector<at::Tensor> parts;
  for (const auto& [name, tensor] : data::load_tensors(out / "adapter/adapter_model.safetensors"))
    parts.push_back(tensor.to(at::kDouble).flatten());
  return at::cat(parts);
}

std::vector<Json> lines_of(const std::filesystem::path& file) {
  std::vector<Json> lines;
  each_json_line(file, "test", [&](const Json& line, int64_t) { lines.push_back(line); });
  return lines;
}

using rrpo::test::Precision;
class CudaGradient : public testing::TestWithParam<Precision> {};
INSTANTIATE_TEST_SUITE_P(Types, CudaGradient,
                         testing::Values(Precision{"double", model::Dtype::float64, 1e-9},
                                         Precision{"float32", model::Dtype::float32, 1e-4},
                                         Precision{"bfloat16", model::Dtype::bfloat16, 0.15}),
                         rrpo::test::precision_name);

TEST_P(CudaGradient, IsThatOfTheCpuInDouble) {
  if (!policy::open_cuda()) GTEST_SKIP() << "no GPU";
  const TinyWorld world;
  const Gradient expected = gradient_on(world, "cpu", model::Dtype::float64);
  const Gradient actual = gradient_on(world, "cuda", GetParam().dtype);
  EXPECT_NEAR(actual.loss, expected.loss, GetParam().tolerance * std::abs(expected.loss));
  EXPECT_LT(relative(actual.values, expected.values), GetParam().tolerance);
}

TEST(CudaReference, RowsOfACacheGiveTheNumbersOfComputedOnes) {
  if (!policy::open_cuda()) GTEST_SKIP() << "no GPU";
  const TinyWorld world;
  const TrainConfig config = toy_config(world, "cuda");
  policy::Policy policy = policy::open_policy(config.model, config.device, model::Dtype::bfloat16);
  const loss::Objective objective = loss::make_objective(config.objective);
  const data::Dataset rows = data::read_dataset(config.data.pairs, config.data.video_root, policy, {});
  data::VisualCache clips;
  data::ReferenceCache references(1 << 20);
  const std::string key = data::reference_key(policy);
  EXPECT_EQ(data::reference_key(policy), key);
  references.open_folder(world / "cache", key);
  const data::LoaderRules rules{
      .root = world.root(), .video = {}, .order = {.seed = 1, .shuffle = false}, .batch = {.batch = 4, .micro = 4}};
  data::Loader loader(rows, policy, &clips, rules, 0, 1);
  const auto batch = loader.next();
  const at::NoGradGuard frozen;
  const Pass computed = forward({policy, objective, &clips, &references}, rows, *batch);
  const Pass kept = forward({policy, objective, &clips, &references}, rows, *batch);
  EXPECT_EQ(computed.reference_hits, 0);
  EXPECT_EQ(kept.reference_hits, batch->pairs());
  EXPECT_TRUE(kept.stats.ref_logp.equal(computed.stats.ref_logp));
}

TEST(CudaRun, ThreeStepsMoveTheAdapterAsOnTheCpu) {
  if (!policy::open_cuda()) GTEST_SKIP() << "no GPU";
  const TinyWorld world;
  const at::Tensor before = [] {
    std::vector<at::Tensor> parts;
    const auto file = test::source_file("tests/golden/onevision/toy/adapter/adapter_model.safetensors");
    for (const auto& [name, tensor] : data::load_tensors(file)) parts.push_back(tensor.to(at::kDouble).flatten());
    return at::cat(parts);
  }();
  ASSERT_EQ(run(toy_config(world, "cpu"), {world / "cpu"}).exit_code, 0);
  ASSERT_EQ(run(toy_config(world, "cuda"), {world / "cuda"}).exit_code, 0);
  // Adam takes the sign of a gradient that is all rounding, so a few of the moves differ wholly.
  EXPECT_LT(relative(adapter_of(world / "cuda").sub(before), adapter_of(world / "cpu").sub(before)), 1e-2);
  const std::vector<Json> cpu = lines_of(world / "cpu/metrics.jsonl"), cuda = lines_of(world / "cuda/metrics.jsonl");
  ASSERT_EQ(cuda.size(), cpu.size());
  for (size_t i = 0; i < cpu.size(); ++i) {
    for (const char* key : {"loss", "grad_norm", "kl/chosen", "logps/chosen", "rewards/margins"}) {
      const double expected = cpu[i].at(key);
      EXPECT_NEAR(cuda[i].at(key).get<double>(), expected, 1e-3 * std::abs(expected) + 1e-5) << key << " " << i;
    }
  }
  EXPECT_GT(read_json(world / "cuda/run.json", "test").at("counts").at("gpu_peak_bytes").get<int64_t>(), 1'000'000);
  EXPECT_FALSE(read_json(world / "cpu/run.json", "test").at("counts").contains("gpu_peak_bytes"));
}

TEST(CudaRun, TakesHalfTypesAndWholeModels) {
  if (!policy::open_cuda()) GTEST_SKIP() << "no GPU";
  const TinyWorld world;
  TrainConfig config = toy_config(world, "cuda");
  config.model.dtype = "bfloat16";
  ASSERT_EQ(run(config, {world / "half"}).exit_code, 0);
  const double half = lines_of(world / "half/metrics.jsonl")[0].at("loss");
  ASSERT_EQ(run(toy_config(world, "cuda"), {world / "full"}).exit_code, 0);
  EXPECT_NEAR(half, lines_of(world / "full/metrics.jsonl")[0].at("loss").get<double>(), 5e-2);
  config.model.adapter.reset();
  config.objective = {{"name", "sft"}};
  config.data.pairs = {world.questions()};
  config.train.trainable = {"all"};
  ASSERT_EQ(run(config, {world / "whole"}).exit_code, 0);
  EXPECT_LT(lines_of(world / "whole/metrics.jsonl")[2].at("loss").get<double>(),
            lines_of(world / "whole/metrics.jsonl")[0].at("loss").get<double>());
}

TEST(CudaRun, GoesOnFromACheckpoint) {
  if (!policy::open_cuda()) GTEST_SKIP() << "no GPU";
  const TinyWorld world;
  TrainConfig config = toy_config(world, "cuda");
  config.train.steps = 4;
  config.train.save_every = 2;
  ASSERT_EQ(run(config, {world / "straight"}).exit_code, 0);
  ASSERT_EQ(run(config, {world / "killed"}).exit_code, 0);
  const auto killed = world / "killed";
  std::filesystem::remove_all(killed / "adapter");
  std::filesystem::remove_all(killed / "checkpoints/step-000004");
  Json record = read_json(killed / "run.json", "test");
  record["exit"] = {{"state", "running"}, {"code", nullptr}};
  io::write_json(killed / "run.json", record);
  ASSERT_EQ(run(config, {killed, io::Existing::resume}).exit_code, 0);
  // The kernels of a GPU add in an order of their own, so the bytes may differ.
  EXPECT_LT(relative(adapter_of(killed), adapter_of(world / "straight")), 1e-4);
}

TEST(CudaScore, IsThatOfTheCpu) {
  if (!policy::open_cuda()) GTEST_SKIP() << "no GPU";
  const TinyWorld world;
  ASSERT_EQ(score(toy_config(world, "cpu"), {world / "cpu"}).exit_code, 0);
  ASSERT_EQ(score(toy_config(world, "cuda"), {world / "cuda"}).exit_code, 0);
  const std::vector<Json> cpu = lines_of(world / "cpu/scores.jsonl"), cuda = lines_of(world / "cuda/scores.jsonl");
  ASSERT_EQ(cuda.size(), 9U);
  for (size_t i = 0; i < cpu.size(); ++i) {
    EXPECT_EQ(cuda[i].at("chosen").at("ids"), cpu[i].at("chosen").at("ids"));
    for (const char* column : {"logp", "ref_logp", "kl"}) {
      const auto expected = cpu[i].at("chosen").at(column).get<std::vector<double>>();
      const auto actual = cuda[i].at("chosen").at(column).get<std::vector<double>>();
      for (size_t t = 0; t < expected.size(); ++t) EXPECT_NEAR(actual[t], expected[t], 1e-4) << column;
    }
  }
}

TEST(CudaMachine, PassesItsSelftestAndTheDoctor) {
  if (!policy::open_cuda()) GTEST_SKIP() << "no GPU";
  SelftestConfig test;
  test.device = "cuda";
  const Result values = selftest(test, {});
  EXPECT_EQ(values.exit_code, 0) << values.text;
  DoctorConfig examination;
  examination.device = "cuda";
  const Result found = doctor(examination, {});
  EXPECT_EQ(found.exit_code, 0) << found.text;
  EXPECT_EQ(found.summary.at("cuda"), true);
}

}  // namespace
}  // namespace rrpo::train
