#include "rrpo/train/trainer.h"
#include "rrpo/io/sha256.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include "data/tiny_world.h"
#include "rrpo/train/init.h"
#include "rrpo/train/score.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"

namespace rrpo::train {
namespace {

using test::TinyWorld;

TrainConfig small_config(const TinyWorld& world, const std::string& objective = "rrpo") {
  TrainConfig config;
  config.model.path = world.model();
  config.data.pairs = {world.pairs()};
  config.data.video_root = world.root();
  config.objective = {{"name", objective}};
  config.lora.rank = 2;
  config.lora.alpha = 4;
  config.optim.lr = 1e-2;
  config.train.batch_pairs = 4;
  config.train.micro_pairs = 2;
  config.train.steps = 6;
  config.train.save_every = 0;
  config.device = "cpu";
  return config;
}

std::vector<Json> lines_of(const std::filesystem::path& file) {
  std::vector<Json> lines;
  each_json_line(file, "test", [&](const Json& line, int64_t) { lines.push_back(line); });
  return lines;
}

std::vector<std::string> keys_of(const Json& object) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

/// The metrics without what a clock says, and what a process found in its own memory.
std::vector<Json> timeless(const std::filesystem::path& out) {
  std::vector<Json> lines = lines_of(out / "metrics.jsonl");
  for (Json& line : lines) {
    for (const char* key : {"seconds", "seconds_data", "reference/hits", "eval/reference/hits"}) line.erase(key);
  }
  return lines;
}

std::string error_of(const std::function<void()>& call, Fault fault) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), fault) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

/// Plants a signal when a file has `lines` lines: from the run's point of view it arrives in the middle of a step.
void stop_after(const std::filesystem::path& metrics, size_t lines) {
  std::thread([=] {
    for (;;) {
      std::ifstream file(metrics);
      const auto count = std::count(std::istreambuf_iterator<char>(file), {}, '\n');
      if (static_cast<size_t>(count) >= lines) return set_stop_signal(SIGTERM);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }).detach();
}

TEST(Run, LeavesTheFilesOfTheContract) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  config.data.eval_pairs = {world.pairs()};
  config.train.eval_every = 2;
  config.train.save_every = 2;
  config.train.keep = 2;
  const auto out = world / "out";
  const Result result = run(config, {out});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.summary["steps"], 6);
  EXPECT_EQ(result.summary["pairs"], 9);
  for (const char* name : {"run.json", "metrics.jsonl", "ledger.jsonl", "report.html", "adapter/adapter_config.json",
                           "adapter/adapter_model.safetensors", "checkpoints/step-000004/adapter/adapter_model.safetensors",
                           "checkpoints/step-000006/optimizer.safetensors"}) {
    EXPECT_TRUE(std::filesystem::exists(out / name)) << name;
  }
  EXPECT_FALSE(std::filesystem::exists(out / "checkpoints/step-000002"));
  const std::vector<Json> metrics = lines_of(out / "metrics.jsonl");
  ASSERT_EQ(metrics.size(), 6U);
  const std::vector<std::string> expected = {"step",
                                             "epoch",
                                             "loss",
                                             "rewards/chosen",
                                             "rewards/rejected",
                                             "rewards/margins",
                                             "rewards/accuracies",
                                             "kl/chosen",
                                             "logps/chosen",
                                             "logps/rejected",
                                             "reference/hits",
                                             "grad_norm",
                                             "lr",
                                             "pairs",
                                             "tokens",
                                             "seconds",
                                             "seconds_data"};
  EXPECT_EQ(keys_of(metrics[0]), expected);
  // The adapter begins at zero, and the first rate is zero: loss log 2, no reward, no divergence.
  for (const size_t i : {0U, 1U}) {
    EXPECT_NEAR(metrics[i]["loss"].get<double>(), 0.693147, 1e-5);
    EXPECT_EQ(metrics[i]["kl/chosen"], 0);
  }
  EXPECT_EQ(metrics[0]["lr"], 0);
  EXPECT_LT(metrics[5]["eval/loss"].get<double>(), 0.69);
  EXPECT_THAT(keys_of(metrics[1]), testing::Contains("eval/rewards/margins"));
  EXPECT_EQ(metrics[2]["pairs"], 1);  // 9 rows: windows of 4, 4 and 1
  const Json record = read_json(out / "run.json", "test");
  EXPECT_EQ(record["exit"]["state"], "finished");
  EXPECT_EQ(record["inputs"][world.pairs().string()]["sha256"], io::file_sha256(world.pairs()));
  EXPECT_EQ(record["config"]["objective"]["name"], "rrpo");
  EXPECT_EQ(lines_of(out / "ledger.jsonl").size(), 9U);
}

TEST(Run, SupervisedTuningWritesAWholeModelAndNoRewardKeys) {
  const TinyWorld world;
  TrainConfig config = small_config(world, "sft");
  config.data.pairs = {world.questions()};
  config.train.trainable = {"all"};
  const Result result = run(config, {world / "out"});
  EXPECT_EQ(result.exit_code, 0);
  const std::vector<Json> metrics = lines_of(world / "out" / "metrics.jsonl");
  const std::vector<std::string> expected = {"step", "epoch", "loss",   "logps/chosen", "grad_norm",
                                             "lr",   "pairs", "tokens", "seconds",      "seconds_data"};
  EXPECT_EQ(keys_of(metrics[0]), expected);
  EXPECT_LT(metrics[5]["loss"].get<double>(), metrics[0]["loss"].get<double>());
  for (const char* name :
       {"config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json", "chat_template.jinja"}) {
    EXPECT_TRUE(std::filesystem::exists(world / "out" / "model" / name)) << name;
  }
  TrainConfig next = small_config(world);
  next.model.path = world / "out" / "model";
  next.train.steps = 2;
  EXPECT_EQ(run(next, {world / "next"}).exit_code, 0);
}

TEST(Run, StoppedAndResumedEndsWithTheSameBytes) {
  const TinyWorld world;
  for (const bool lora : {true, false}) {
    SCOPED_TRACE(lora);
    const std::string name = lora ? "lora" : "parts";
    TrainConfig config = small_config(world, lora ? "rrpo" : "sft");
    if (!lora) config.train.trainable = {"decoder", "projector"};
    config.train.steps = 100;  // so many that the watcher of the file comes before the end on a busy machine
    const auto straight = world / (name + "-straight"), broken = world / (name + "-broken");
    ASSERT_EQ(run(config, {straight}).exit_code, 0);
    int64_t stops = 0;
    for (const size_t at : {size_t{3}, size_t{14}}) {
      stop_after(broken / "metrics.jsonl", at);
      const Result stopped = run(config, {broken, io::Existing::resume});
      set_stop_signal(0);
      ASSERT_EQ(stopped.exit_code, 128 + SIGTERM);
      ++stops;
      EXPECT_EQ(read_json(broken / "run.json", "test")["exit"]["state"], "stopped");
      EXPECT_FALSE(std::filesystem::exists(broken / "adapter"));
    }
    ASSERT_EQ(run(config, {broken, io::Existing::resume}).exit_code, 0);
    EXPECT_EQ(timeless(broken), timeless(straight));
    const std::string file = lora ? "adapter/adapter_model.safetensors" : "model/model.safetensors";
    EXPECT_EQ(io::file_sha256(broken / file), io::file_sha256(straight / file));
    EXPECT_EQ(read_file(broken / "ledger.jsonl", "test"), read_file(straight / "ledger.jsonl", "test"));
  }
}

TEST(Run, KilledBetweenCheckpointsGoesOnFromTheLastOne) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  config.train.save_every = 2;
  ASSERT_EQ(run(config, {world / "straight"}).exit_code, 0);
  ASSERT_EQ(run(config, {world / "killed"}).exit_code, 0);
  // As a kill during step 6 leaves it: checkpoint 4, metrics up to 5, half a line, a half-written folder, no result.
  const auto killed = world / "killed";
  std::filesystem::remove_all(killed / "adapter");
  std::filesystem::remove_all(killed / "checkpoints/step-000006");
  std::filesystem::create_directory(killed / "checkpoints/step-000006");
  Json record = read_json(killed / "run.json", "test");
  record["exit"] = {{"state", "running"}, {"code", nullptr}};
  io::write_json(killed / "run.json", record);
  std::ofstream(killed / "metrics.jsonl", std::ios::app) << "{\"step\": 7, \"lo";
  ASSERT_EQ(run(config, {killed, io::Existing::resume}).exit_code, 0);
  EXPECT_EQ(timeless(killed), timeless(world / "straight"));
  EXPECT_EQ(io::file_sha256(killed / "adapter/adapter_model.safetensors"),
            io::file_sha256(world / "straight/adapter/adapter_model.safetensors"));
}

TEST(Run, ResumeOfAFinishedRunSaysWhatItSaidAndOfAnotherConfigurationFails) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  const Result first = run(config, {world / "out"});
  EXPECT_EQ(run(config, {world / "out", io::Existing::resume}).summary, first.summary);
  EXPECT_THAT(error_of([&] { run(config, {world / "out"}); }, Fault::environment), testing::HasSubstr("--resume"));
  config.optim.lr = 0.5;
  EXPECT_THAT(error_of(
                  [&] {
                    run(config, {world / "out", io::Existing::resume});
                  },
                  Fault::usage),
              testing::HasSubstr("optim.lr"));
}

TEST(Run, SkipsUpToTheAllowedNumberOfBadRows) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  std::ofstream(world.pairs(), std::ios::app) << "{\"id\": \"broken\"}\n";
  error_of([&] { run(config, {world / "strict"}); }, Fault::input);
  EXPECT_EQ(read_json(world / "strict" / "run.json", "test")["exit"]["code"], 3);
  std::ofstream(world.root() / "2-1.png", std::ios::trunc) << "no picture";  // three rows more
  for (const auto& [allowed, code] : {std::pair{4, 0}, std::pair{3, 8}}) {
    config.data.max_skipped = allowed;
    const auto out = world / std::to_string(allowed);
    const Result result = run(config, {out});
    EXPECT_EQ(result.exit_code, code);
    EXPECT_EQ(result.summary["pairs"], 6);
    EXPECT_EQ(result.summary["skipped"], 4);
    std::map<std::string, int> states;
    for (const Json& line : lines_of(out / "ledger.jsonl")) ++states[line["state"]];
    EXPECT_THAT(states, testing::ElementsAre(std::pair("skipped", 4), std::pair("used", 6)));
  }
}

TEST(Run, DryRunWritesNothing) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  config.train.steps = std::nullopt;
  config.train.epochs = 2;
  RunOptions options{world / "out"};
  options.dry_run = true;
  const Result result = run(config, options);
  EXPECT_EQ(result.summary["rows"], 9);
  EXPECT_EQ(result.summary["steps"], 6);  // two epochs of windows 4, 4, 1
  EXPECT_FALSE(std::filesystem::exists(world / "out"));
}

TEST(Run, CompatOfficialDropsPairsAndTheLastWindowAndCountsThem) {
  const TinyWorld world;
  Json one_sided = TinyWorld::pair(9, 0);
  one_sided["rejected"]["spans"] = Json::array();
  std::ofstream(world.pairs(), std::ios::app) << one_sided.dump() << "\n";
  TrainConfig config = small_config(world);
  config.compat = "official";
  config.train.steps = std::nullopt;
  const Result result = run(config, {world / "out"});
  EXPECT_EQ(result.exit_code, 0);  // a dropped row is no bad one
  EXPECT_EQ(result.summary["steps"], 2);
  EXPECT_EQ(result.summary["pairs"], 8);
  std::map<std::string, int> states;
  for (const Json& line : lines_of(world / "out/ledger.jsonl")) ++states[line["state"]];
  EXPECT_THAT(states, testing::ElementsAre(std::pair("dropped", 1), std::pair("unused", 1), std::pair("used", 8)));
  EXPECT_EQ(read_json(world / "out/run.json", "test")["counts"]["dropped"], 1);
  // Over two epochs, each in its own order, the row that the first one left out has its turn.
  config.train.epochs = 2;
  EXPECT_EQ(run(config, {world / "longer"}).summary["steps"], 4);
  config.compat = "none";
  EXPECT_EQ(run(config, {world / "none"}).summary["pairs"], 10);
  const Result scored = score(small_config(world), {world / "scored"});
  EXPECT_EQ(scored.summary["dropped"], 0);
}

TEST(Run, RefusesPartsUnderAReference) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  config.train.trainable = {"decoder"};
  EXPECT_THAT(error_of([&] { run(config, {world / "out"}); }, Fault::usage), testing::HasSubstr("train.trainable"));
  EXPECT_FALSE(std::filesystem::exists(world / "out"));
}

TEST(Run, GoesOnFromAnAdapter) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  ASSERT_EQ(run(config, {world / "first"}).exit_code, 0);
  config.model.adapter = world / "first" / "adapter";
  config.lora.rank = 64;  // not read: the adapter's own rank holds
  ASSERT_EQ(run(config, {world / "second"}).exit_code, 0);
  const Json adapter = read_json(world / "second/adapter/adapter_config.json", "test");
  EXPECT_EQ(adapter["r"], 2);
  // The reference is the base without the adapter: the first step is no longer at log 2.
  EXPECT_GT(lines_of(world / "second/metrics.jsonl")[0]["kl/chosen"].get<double>(), 1e-6);
}

TEST(Score, WritesOneLinePerPairInFileOrder) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  ASSERT_EQ(run(config, {world / "run"}).exit_code, 0);
  config.model.adapter = world / "run" / "adapter";
  std::vector<std::string> texts;
  for (const int64_t group : {1, 3}) {
    config.data.group_by_video = group;
    const auto out = world / ("scores-" + std::to_string(group));
    const Result result = score(config, {out});
    EXPECT_EQ(result.exit_code, 0);
    const std::vector<Json> lines = lines_of(out / "scores.jsonl");
    ASSERT_EQ(lines.size(), 9U);
    for (size_t i = 0; i < lines.size(); ++i) {
      const Json& line = lines[i];
      EXPECT_EQ(line["id"], "row-" + std::to_string(i));
      const std::vector<std::string> keys = {"id",        "loss",   "reward_chosen", "reward_rejected",
                                             "kl_chosen", "chosen", "rejected",      "sight"};
      EXPECT_EQ(keys_of(line), keys);
      double kl = 0, reward = 0;
      for (size_t t = 0; t < line["chosen"]["ids"].size(); ++t) {
        kl += line["chosen"]["kl"][t].get<double>();
        if (line["chosen"]["marked"][t] == 1)
          reward += 0.1 * (line["chosen"]["logp"][t].get<double>() - line["chosen"]["ref_logp"][t].get<double>());
      }
      EXPECT_EQ(line["chosen"]["marked"].back(), 0);
      EXPECT_NEAR(line["kl_chosen"].get<double>(), kl, 1e-5);
      EXPECT_NEAR(line["reward_chosen"].get<double>(), reward, 1e-5);
      const double margin = line["reward_chosen"].get<double>() - line["reward_rejected"].get<double>();
      EXPECT_NEAR(line["loss"].get<double>(), std::log1p(std::exp(-margin)) + 0.01 * line["kl_chosen"].get<double>(), 1e-5);
    }
  }
}

TEST(Init, IsAFunctionOfItsSeedAndMakesACheckpoint) {
  const test::TempDir dir;
  InitConfig config;
  config.config = test::source_file("data/toy/recipe");
  config.tokenizer = test::source_file("data/toy/tokenizer");
  const auto hash = [&](const char* name) {
    init(config, {dir / name});
    return io::file_sha256(dir / name / "model.safetensors");
  };
  const std::string first = hash("a");
  EXPECT_EQ(hash("b"), first);
  config.seed = 43;
  EXPECT_NE(hash("c"), first);
  // Of the recipe's dimensions: patches and positions, two layers, post norm; two linears and newline; then embedding
  // (tied), four layers of norms, q, k + v, o and the three of the MLP, last norm.
  const int64_t tower =
      (16 * 16 * 3 * 64 + 64) + 36 * 64 + 2 * (256 + 4 * (64 * 64 + 64) + (64 * 192 + 192) + (192 * 64 + 64)) + 128;
  const int64_t projector = (64 * 96 + 96) + (96 * 96 + 96) + 96;
  const int64_t decoder = 445 * 96 + 4 * (192 + (96 * 96 + 96) + 2 * (96 * 48 + 48) + 96 * 96 + 3 * 96 * 256) + 96;
  EXPECT_EQ(init(config, {dir / "d"}).summary["parameters"], tower + projector + decoder);
  error_of([&] { init(config, {dir / "a"}); }, Fault::environment);
  EXPECT_TRUE(std::filesystem::exists(dir / "a" / "preprocessor_config.json"));
}

}  // namespace
}  // namespace rrpo::train
