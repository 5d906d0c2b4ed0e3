// Runs of a tiny world that ranks share: the tests of training by several processes begin with these.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "data/tiny_world.h"
#include "rrpo/data/tensor_file.h"
#include "rrpo/io/manifest.h"
#include "rrpo/train/learner.h"
#include "rrpo/train/step.h"
#include "rrpo/train/trainer.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"
#include "support/ranks.h"

namespace rrpo::train::runs {

namespace fs = std::filesystem;
using test::TinyWorld;

inline constexpr const char* kFolder = "RRPO_TEST_FOLDER";  ///< tells the ranks of a test where its files lie

/// The world of a test, made by the process that starts the ranks.
struct Shared {
  TinyWorld world;
  explicit Shared(int64_t videos = 3, int64_t rows_per_video = 3) : world(videos, rows_per_video) {
    ::setenv(kFolder, world.dir().path().c_str(), 1);
  }
  ~Shared() { ::unsetenv(kFolder); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
};

inline fs::path folder() { return std::getenv(kFolder); }

/// Nine rows make windows of 4, 4 and 1 pass.
inline TrainConfig small_config() {
  TrainConfig config;
  config.model.path = folder() / "model";
  config.data.pairs = {folder() / "pairs.jsonl"};
  config.data.eval_pairs = {folder() / "pairs.jsonl"};
  config.data.video_root = folder() / "media";
  config.data.threads = 1;
  config.lora.rank = 2;
  config.lora.alpha = 4;
  config.optim.lr = 1e-2;
  config.train.batch_pairs = 4;
  config.train.steps = 6;
  config.train.save_every = 2;
  config.train.keep = 100;
  config.train.eval_every = 3;
  config.device = "cpu";
  return config;
}

/// What a rank does in the place of the program: its exit code; the error line stands in line-RANK. Gone without an end of
/// the test: that is its parent's.
[[noreturn]] inline void play(const TrainConfig& config, const RunOptions& wanted) {
  int code = 1;
  ::alarm(150);  // one that waits for ever fails its test
  install_stop_signals();
  const world::Place place = world::place_of_process();
  const fs::path line = folder() / ("line-" + std::to_string(place.rank));
  try {
    const world::World world(place, "cpu");
    RunOptions options = wanted;
    options.world = &world;
    code = run(config, options).exit_code;
  } catch (const Error& error) {
    std::ofstream(line) << error.what();
    code = error.exit_code();
  } catch (const std::exception& error) {
    std::ofstream(line) << error.what();
  }
  ::_exit(code);
}

inline RunOptions at(const std::string& out) { return {folder() / out, io::Existing::resume}; }

inline std::string line_of(int64_t rank) { return read_file(folder() / ("line-" + std::to_string(rank)), "test"); }

inline std::vector<Json> metrics_of(const std::string& out) {
  std::vector<Json> lines;
  each_json_line(folder() / out / "metrics.jsonl", "test", [&](const Json& line, int64_t) { lines.push_back(line); });
  return lines;
}

/// A step, or the number of steps that have been written so far.
inline size_t steps_of(const std::string& out) {
  std::ifstream file(folder() / out / "metrics.jsonl");
  return static_cast<size_t>(std::count(std::istreambuf_iterator<char>(file), {}, '\n'));
}

inline void await_steps(const std::string& out, size_t steps) {
  for (int i = 0; i < 30000 && steps_of(out) < steps; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

/// The trained tensors before the first step.
inline data::TensorMap fresh(const TrainConfig& config) {
  policy::Policy policy = policy::open_policy(config.model, "cpu");
  data::TensorMap tensors;
  for (const model::NamedTensor& one : prepare_trainable(policy, config)) tensors[one.name] = one.tensor->detach().clone();
  return tensors;
}

inline double distance(const data::TensorMap& a, const data::TensorMap& b) {
  double square = 0;
  EXPECT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    square += tensor.to(at::kDouble).sub(b.at(name).to(at::kDouble)).square().sum().item<double>();
  }
  return std::sqrt(square);
}

inline data::TensorMap trained(const std::string& out, const std::string& step = "step-000006") {
  return data::load_tensors(folder() / out / "checkpoints" / step / "trained.safetensors");
}

/// Losses and gradient norms of every step, and the adapter by its movement.
inline void expect_alike(const std::string& out, const std::string& expected, const TrainConfig& config) {
  const std::vector<Json> own = metrics_of(out), other = metrics_of(expected);
  ASSERT_EQ(own.size(), other.size());
  for (size_t i = 0; i < own.size(); ++i) {
    for (const char* key : {"loss", "grad_norm", "eval/loss", "rewards/margins", "kl/chosen", "logps/chosen"}) {
      ASSERT_EQ(own[i].contains(key), other[i].contains(key)) << key;
      if (!other[i].contains(key)) continue;
      const double value = other[i][key].get<double>();
      EXPECT_NEAR(own[i][key].get<double>(), value, 1e-5 * std::max(1.0, std::abs(value))) << key << " of step " << i + 1;
    }
    for (const char* key : {"step", "epoch", "lr", "pairs", "tokens"}) EXPECT_EQ(own[i][key], other[i][key]) << key;
  }
  const data::TensorMap start = fresh(config), end = trained(expected);
  EXPECT_LT(distance(trained(out), end), 1e-3 * distance(end, start));
  EXPECT_EQ(read_file(folder() / out / "ledger.jsonl", "test"), read_file(folder() / expected / "ledger.jsonl", "test"));
}

}  // namespace rrpo::train::runs
