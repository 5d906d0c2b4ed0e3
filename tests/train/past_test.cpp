// What an objective knows of the steps before: in checkpoints, over all ranks, and in the loss.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "../../src/train/position.h"
#include "data/tiny_world.h"
#include "rrpo/io/manifest.h"
#include "rrpo/io/sha256.h"
#include "rrpo/train/trainer.h"
#include "rrpo/train/verify_resume.h"

namespace rrpo::train {
namespace {

namespace fs = std::filesystem;
using test::TinyWorld;

/// MPO of which only the part is left that reads the mean of the rewards before, in a sum whose other term has none.
TrainConfig small_config(const TinyWorld& world) {
  TrainConfig config;
  config.model.path = world.model();
  config.data.pairs = {world.pairs()};
  config.data.eval_pairs = {world.pairs()};
  config.data.video_root = world.root();
  config.objective = Json::array(
      {{{"name", "sft"}, {"weight", 0.5}},
       {{"name", "mpo"}, {"beta", 1}, {"sigmoid_loss_weight", 0}, {"bco_pair_loss_weight", 1}, {"rpo_alpha", 0}}});
  config.lora.rank = 2;
  config.lora.alpha = 4;
  config.optim.lr = 1e-2;
  config.train.batch_pairs = 1;
  config.train.steps = 12;
  config.train.save_every = 1;
  config.train.keep = 100;
  config.train.eval_every = 4;
  config.device = "cpu";
  return config;
}

std::vector<Json> metrics_of(const fs::path& out) {
  std::vector<Json> lines;
  each_json_line(out / "metrics.jsonl", "test", [&](const Json& line, int64_t) { lines.push_back(line); });
  return lines;
}

Json state_of(const fs::path& out, int64_t step) {
  char name[32] = "";
  std::snprintf(name, sizeof name, "step-%06lld", static_cast<long long>(step));
  return read_json(out / "checkpoints" / name / "state.json", "test");
}

double softplus(double x) { return std::log1p(std::exp(x)); }

// Windows of one pair: the loss of a step follows from its two rewards and those of all steps before.
TEST(Past, IsTheMeanRewardOfTheStepsBefore) {
  const TinyWorld world;
  ASSERT_EQ(run(small_config(world), {world / "out"}).exit_code, 0);
  const std::vector<Json> metrics = metrics_of(world / "out");
  ASSERT_EQ(metrics.size(), 12U);
  double rewards = 0, answers = 0, most = 0;
  for (const Json& line : metrics) {
    const double chosen = line["rewards/chosen"].get<double>(), rejected = line["rewards/rejected"].get<double>();
    const double delta = answers > 0 ? rewards / answers : 0;
    EXPECT_NEAR(line["loss/mpo"].get<double>(), softplus(delta - chosen) + softplus(rejected - delta), 1e-5);
    most = std::max(most, std::abs(delta));
    rewards += chosen + rejected;
    answers += 2;
    const Json past = state_of(world / "out", line["step"].get<int64_t>())["past"];
    ASSERT_EQ(past.size(), 2U);
    EXPECT_EQ(past[0][0], 0);  // sft has no rewards
    EXPECT_NEAR(past[1][0].get<double>(), rewards, 1e-9);
    EXPECT_EQ(past[1][1], answers);
  }
  EXPECT_GT(most, 0.01);  // else the loss above says nothing of it
}

TEST(Past, HeldOutPairsAreScoredWithIt) {
  const TinyWorld world(1, 1);
  TrainConfig config = small_config(world);
  config.train.eval_every = 1;
  ASSERT_EQ(run(config, {world / "out"}).exit_code, 0);
  for (const Json& line : metrics_of(world / "out")) {
    const Json past = state_of(world / "out", line["step"].get<int64_t>())["past"][1];
    const double delta = past[0].get<double>() / past[1].get<double>();
    const double chosen = line["eval/rewards/chosen"].get<double>(), rejected = line["eval/rewards/rejected"].get<double>();
    EXPECT_NEAR(line["eval/loss/mpo"].get<double>(), softplus(delta - chosen) + softplus(rejected - delta), 1e-5);
  }
}

TEST(Past, DoesNotDependOnTheCutIntoPasses) {
  const TinyWorld world;
  std::vector<Json> pasts;
  for (const int64_t micro : {1, 4}) {
    TrainConfig config = small_config(world);
    config.train.batch_pairs = 4;
    config.train.micro_pairs = micro;
    const fs::path out = world / ("cut-" + std::to_string(micro));
    ASSERT_EQ(run(config, {out}).exit_code, 0);
    pasts.push_back(state_of(out, 12)["past"][1]);
  }
  EXPECT_NEAR(pasts[0][0].get<double>(), pasts[1][0].get<double>(), 1e-3 * std::abs(pasts[0][0].get<double>()));
  EXPECT_EQ(pasts[0][1], pasts[1][1]);
}

TEST(Past, AnInterruptedRunEndsWithTheSameBytes) {
  const TinyWorld world;
  const TrainConfig config = small_config(world);
  ASSERT_EQ(run(config, {world / "straight"}).exit_code, 0);
  RunOptions part{world / "broken", io::Existing::resume};
  part.halt_after = 5;
  run(config, part);
  ASSERT_EQ(run(config, {world / "broken", io::Existing::resume}).exit_code, 0);
  EXPECT_EQ(io::file_sha256(world / "straight/adapter/adapter_model.safetensors"),
            io::file_sha256(world / "broken/adapter/adapter_model.safetensors"));
  EXPECT_EQ(state_of(world / "straight", 12)["past"], state_of(world / "broken", 12)["past"]);
  EXPECT_EQ(compare_runs(world / "straight", world / "broken", 12).first, "");
  const VerifyConfig verify{config, 2};
  EXPECT_EQ(verify_resume(verify, {world / "proof"}).summary["verified"], true);
}

TEST(Past, VerifyResumeNamesIt) {
  const TinyWorld world;
  const TrainConfig config = small_config(world);
  ASSERT_EQ(run(config, {world / "a"}).exit_code, 0);
  fs::copy(world / "a", world / "b", fs::copy_options::recursive);
  const fs::path file = world / "b/checkpoints/step-000012/state.json";
  Json state = read_json(file, "test");
  state["past"][1][0] = state["past"][1][0].get<double>() + 1;
  io::write_json(file, state);
  EXPECT_EQ(compare_runs(world / "a", world / "b", 12).first, "state.json: past");
}

TEST(Past, ACheckpointOfAnEarlierVersionHasNone) {
  Position position;
  position.past = {{0.1, 3}, {1e-300, 1}};
  Json json = position_json(position);
  const std::vector<loss::Past> back = read_position(Json::parse(json.dump())).past;
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(back[0].rewards, 0.1);
  EXPECT_EQ(back[0].answers, 3);
  EXPECT_EQ(back[1].rewards, 1e-300);
  json.erase("past");
  EXPECT_TRUE(read_position(json).past.empty());
}

}  // namespace
}  // namespace rrpo::train
