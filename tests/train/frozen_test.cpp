// Training over matrices in four bits, and what train.fit chooses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "data/tiny_world.h"
#include "rrpo/io/sha256.h"
#include "rrpo/train/merge.h"
#include "rrpo/train/score.h"
#include "rrpo/train/trainer.h"
#include "rrpo/util/error.h"

namespace rrpo::train {
namespace {

namespace fs = std::filesystem;
using test::TinyWorld;
using testing::AllOf;
using testing::HasSubstr;

TrainConfig config_of(const TinyWorld& world) {
  TrainConfig config;
  config.model.path = world.model();
  config.model.frozen = "nf4";
  config.data.pairs = {world.pairs()};
  config.data.video_root = world.root();
  config.lora.rank = 4;
  config.lora.alpha = 8;
  config.optim.lr = 2e-2;
  config.train.batch_pairs = 9;
  config.train.micro_pairs = 3;
  config.train.steps = 12;
  config.train.save_every = 0;
  config.device = "cpu";
  return config;
}

std::vector<double> losses(const fs::path& out) {
  std::vector<double> all;
  each_json_line(out / "metrics.jsonl", "test",
                 [&](const Json& line, int64_t) { all.push_back(line.at("loss").get<double>()); });
  return all;
}

std::string fault_of(Fault fault, const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), fault) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

std::string adapter_hash(const fs::path& out) { return io::file_sha256(out / "adapter/adapter_model.safetensors"); }

Json plan_of(const TrainConfig& config) {
  return run(config, {.out = {}, .existing = io::Existing::refuse, .dry_run = true}).summary;
}

TEST(FourBits, AreTrainedOverAndResumedBitForBit) {
  const TinyWorld world;
  const TrainConfig config = config_of(world);
  ASSERT_EQ(run(config, {world / "straight"}).exit_code, 0);
  const std::vector<double> all = losses(world / "straight");
  ASSERT_EQ(all.size(), 12U);
  EXPECT_LT(all.back(), all.front() - 0.05);
  RunOptions part{world / "parts", io::Existing::resume};
  part.halt_after = 5;
  run(config, part);
  ASSERT_EQ(run(config, {world / "parts", io::Existing::resume}).exit_code, 0);
  EXPECT_EQ(losses(world / "parts"), all);
  EXPECT_EQ(adapter_hash(world / "parts"), adapter_hash(world / "straight"));
}

/// Other numbers than over the plain weights, near them, and not those of a run that is gone on with over the others.
TEST(FourBits, AreOtherNumbers) {
  const TinyWorld world;
  TrainConfig config = config_of(world);
  ASSERT_EQ(run(config, {world / "held"}).exit_code, 0);
  RunOptions part{world / "parts", io::Existing::resume};
  part.halt_after = 5;
  run(config, part);
  config.model.frozen = "plain";
  ASSERT_EQ(run(config, {world / "plain"}).exit_code, 0);
  const std::vector<double> held = losses(world / "held"), plain = losses(world / "plain");
  EXPECT_NEAR(held.front(), plain.front(), 1e-9);  // the first step is log 2: the adapter does nothing yet
  EXPECT_NE(held.back(), plain.back());
  EXPECT_NEAR(held.back(), plain.back(), 0.3);
  EXPECT_THAT(fault_of(Fault::usage,
                       [&] {
                         run(config, {world / "parts", io::Existing::resume});
                       }),
              HasSubstr("model.frozen"));
}

TEST(FourBits, AreScoredAndTheAdapterIsMergedIntoThePlainBase) {
  const TinyWorld world;
  TrainConfig config = config_of(world);
  ASSERT_EQ(run(config, {world / "run"}).exit_code, 0);
  config.model.adapter = world / "run/adapter";
  EXPECT_EQ(score(config, {world / "scores"}).exit_code, 0);
  MergeConfig merging;
  merging.model = config.model;
  merging.device = "cpu";
  EXPECT_THAT(fault_of(Fault::usage, [&] { merge(merging, {world / "merged"}); }),
              AllOf(HasSubstr("model.frozen"), HasSubstr("plain weights")));
  merging.model.frozen = "plain";
  EXPECT_EQ(merge(merging, {world / "merged"}).exit_code, 0);
}

TEST(FourBits, AreNotTrained) {
  const TinyWorld world;
  TrainConfig config = config_of(world);
  config.objective = {{"name", "sft"}};
  config.train.trainable = {"projector"};
  EXPECT_THAT(fault_of(Fault::usage, [&] { run(config, {world / "run"}); }), HasSubstr("train.trainable"));
}

TEST(FourBits, ArePlannedWithTheirBytes) {
  const TinyWorld world;
  TrainConfig config = config_of(world);
  const Json held = plan_of(config);
  config.model.frozen = "plain";
  const Json plain = plan_of(config);
  // Two layers of 24: q and o 24 x 24, k and v 24 x 12, three of 24 x 40, from four bytes to half of one and a sixteenth.
  const double matrices = 2 * (2 * 24 * 24 + 2 * 24 * 12 + 3 * 24 * 40);
  EXPECT_NEAR(plain["memory_bytes"]["weights"].get<double>() - held["memory_bytes"]["weights"].get<double>(),
              matrices * (4 - 0.5625), 2);
}

TEST(TrainFit, ChoosesByTheGivenMemoryAndSaysSo) {
  const TinyWorld world;
  TrainConfig config = config_of(world);
  config.model.frozen = "plain";
  const double needed = plan_of(config)["peak_memory_bytes"].get<double>();
  config.train.fit = true;
  config.train.memory_gb = needed * 1.06 / 1e9;
  const Json roomy = plan_of(config);
  EXPECT_EQ(roomy["fit"]["model.frozen"], "plain");
  EXPECT_EQ(roomy["fit"]["train.recompute"], "none");
  EXPECT_EQ(roomy["fit"]["planned_bytes"], roomy["fit"]["planned_bytes_of_nothing_given_up"]);
  // The program's 200 MB are not the plan's: a little less than all must be found in the small rest.
  config.train.memory_gb = 0.2 + (needed - 2e8) * 1.05 * 0.97 / 1e9;
  const Json tight = plan_of(config);
  EXPECT_NE(tight["fit"]["train.recompute"], "none");
  EXPECT_LT(tight["peak_memory_bytes"].get<double>(), needed);
  EXPECT_EQ(tight["peak_memory_bytes"].get<int64_t>() - 200'000'000, tight["fit"]["planned_bytes"].get<int64_t>());
  ASSERT_EQ(run(config, {world / "run"}).exit_code, 0);
  const Json record = read_json(world / "run/run.json", "test");
  EXPECT_EQ(record["config"]["train"]["recompute"], tight["fit"]["train.recompute"]);
  EXPECT_EQ(record["counts"]["fit"], tight["fit"]);
}

TEST(TrainFit, RefusesWhatCannotFitWithTheLeastThatWould) {
  const TinyWorld world;
  TrainConfig config = config_of(world);
  config.train.fit = true;
  config.train.memory_gb = 0.2001;
  EXPECT_THAT(fault_of(Fault::environment, [&] { plan_of(config); }),
              AllOf(HasSubstr("nothing fits 0.2 GB"), HasSubstr("model.frozen=nf4")));
  config.train.memory_gb = 0;
  EXPECT_THAT(fault_of(Fault::usage, [&] { plan_of(config); }), HasSubstr("train.memory_gb"));
}

}  // namespace
}  // namespace rrpo::train
