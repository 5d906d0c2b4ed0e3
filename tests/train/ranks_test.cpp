// Training shared by several processes: what one would make, and one end for all of them.
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>

#include <csignal>
#include <limits>

#include "rank_runs.h"

namespace rrpo::train {
namespace {

using namespace runs;
using test::is_rank;
using test::Ranks;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(TrainRanks, TwoMakeWhatOneMakes) {
  if (is_rank()) play(small_config(), at("two"));
  const Shared shared;
  ASSERT_EQ(run(small_config(), at("one")).exit_code, 0);
  Ranks ranks(2);
  EXPECT_EQ(ranks.end(0), 0);
  EXPECT_EQ(ranks.end(1), 0);
  expect_alike("two", "one", small_config());
  EXPECT_EQ(read_json(folder() / "two/run.json", "test")["counts"]["ranks"], 2);
  EXPECT_GE(metrics_of("two")[0]["seconds_data"].get<double>(), 0);
  EXPECT_TRUE(fs::exists(folder() / "two/report.html"));
}

/// Four steps in double from an adapter that is not zero, in windows of 5 passes; the weights go to `file` from rank 0.
void double_steps(const world::World& world, const fs::path& file, const Json& terms = {{"name", "rrpo"}, {"alpha", 0.1}}) {
  const TrainConfig config = small_config();
  const loss::Objective objective = loss::make_objective(terms);
  policy::Policy policy = policy::open_policy(config.model, "cpu", model::Dtype::float64);
  AdamW optimizer(prepare_trainable(policy, config), config.optim);
  {
    const at::NoGradGuard frozen;
    Random random(5, "adapter");
    for (const model::NamedTensor& weight : optimizer.parameters()) {
      for (int64_t i = 0; i < weight.tensor->numel(); ++i)
        weight.tensor->view({-1}).select(0, i).fill_(0.1 * random.normal());
    }
  }
  const data::Dataset rows = data::read_dataset(config.data.pairs, config.data.video_root, policy, {});
  const data::LoaderRules rules{.root = config.data.video_root,
                                .video = {},
                                .order = {.seed = 1},
                                .batch = {.batch = 5, .micro = 1},
                                .share = {world.rank(), world.size()},
                                .skip_bad_media = true};
  data::Loader loader(rows, policy, nullptr, rules, 0, 4);
  const Scorer scorer{policy, objective};
  data::TensorMap tensors;
  for (int64_t i = 0; i < 4; ++i) {
    const StepReport report = step({scorer, rows, loader, optimizer, world}, 1e-3);
    tensors["report." + std::to_string(i)] = at::Tensor(optimizer.parameters()[0].tensor->detach().new_zeros({3}));
    const at::NoGradGuard frozen;
    tensors["report." + std::to_string(i)].select(0, 0).fill_(report.sums.terms.at(0).loss);
    tensors["report." + std::to_string(i)].select(0, 1).fill_(report.grad_norm);
    tensors["report." + std::to_string(i)].select(0, 2).fill_(static_cast<double>(report.ids.size()));
  }
  for (const model::NamedTensor& weight : optimizer.parameters()) tensors[weight.name] = *weight.tensor;
  const std::vector<std::string> all =
      world.gather({static_cast<const char*>(tensors.rbegin()->second.const_data_ptr()), tensors.rbegin()->second.nbytes()});
  for (const std::string& bits : all) EXPECT_EQ(bits, all.front()) << "the ranks have different weights";
  if (world.first()) data::save_tensors(file, tensors);
}

/// That two and three ranks make what one does.
void expect_same_steps() {
  const data::TensorMap one = data::load_tensors(folder() / "one");
  for (const int64_t count : {2, 3}) {
    SCOPED_TRACE(count);
    EXPECT_TRUE(Ranks(count).all_well());
    const data::TensorMap several = data::load_tensors(folder() / "ranks");
    ASSERT_EQ(several.size(), one.size());
    for (const auto& [name, tensor] : one) {
      EXPECT_LT(tensor.sub(several.at(name)).abs().max().item<double>(),
                1e-9 * std::max(1.0, tensor.abs().max().item<double>()))
          << name;
    }
  }
}

TEST(TrainRanks, InDoubleTheyDifferByRoundingAlone) {
  if (is_rank()) return double_steps({world::place_of_process(), "cpu"}, folder() / "ranks");
  const Shared shared;
  double_steps({}, folder() / "one");
  expect_same_steps();
}

// Terms over pairs and tokens: the rank that meets a bad picture is not the only one that begins its window anew.
TEST(TrainRanks, InDoubleSumsWithSkippedRowsDifferByRoundingAlone) {
  const Json terms =
      Json::array({{{"name", "rrpo"}, {"alpha", 0.1}}, {{"name", "sft"}, {"weight", 0.5}}, {{"name", "mpo"}}});
  if (is_rank()) return double_steps({world::place_of_process(), "cpu"}, folder() / "ranks", terms);
  const Shared shared;
  std::ofstream(folder() / "media/2-1.png", std::ios::trunc) << "no picture";
  double_steps({}, folder() / "one", terms);
  expect_same_steps();
}

TrainConfig past_config() {
  TrainConfig config = small_config();
  config.objective = Json::array({{{"name", "sft"}, {"weight", 0.1}}, {{"name", "mpo"}}});
  return config;
}

TEST(TrainRanks, KnowTheStepsBeforeAsOneDoes) {
  if (is_rank()) play(past_config(), at("two"));
  const Shared shared;
  ASSERT_EQ(run(past_config(), at("one")).exit_code, 0);
  EXPECT_TRUE(Ranks(2).all_well());
  expect_alike("two", "one", past_config());
  const auto past = [](const char* out) {
    return read_json(folder() / out / "checkpoints/step-000006/state.json", "test")["past"][1];
  };
  EXPECT_EQ(past("two")[1], past("one")[1]);
  EXPECT_GT(past("one")[1], 0);
  EXPECT_NEAR(past("two")[0].get<double>(), past("one")[0].get<double>(), 1e-3 * std::abs(past("one")[0].get<double>()));
}

TrainConfig skipping_config() {
  TrainConfig config = small_config();
  config.data.max_skipped = 5;
  config.data.eval_pairs.clear();
  return config;
}

// The window of one pass leaves two of three ranks without rows; the rows of one video are skipped by whoever has them.
TEST(TrainRanks, ThreeShareShortWindowsAndSkippedRows) {
  if (is_rank()) play(skipping_config(), at("three"));
  const Shared shared;
  std::ofstream(folder() / "media/2-1.png", std::ios::trunc) << "no picture";
  ASSERT_EQ(run(skipping_config(), at("one")).exit_code, 0);
  Ranks ranks(3);
  for (size_t rank = 0; rank < 3; ++rank) EXPECT_EQ(ranks.end(rank), 0) << rank;
  expect_alike("three", "one", skipping_config());
  const Json state = read_json(folder() / "three/checkpoints/step-000006/state.json", "test");
  const Json expected = read_json(folder() / "one/checkpoints/step-000006/state.json", "test");
  EXPECT_EQ(state["skipped"].size(), 3U);
  EXPECT_EQ(state["media"], expected["media"]);  // of all ranks
}

TrainConfig longer_config() {
  TrainConfig config = small_config();
  config.train.steps = 30;
  config.data.eval_pairs.clear();
  return config;
}

// A picture that goes bad on its way: only the rank whose turn it is reads it.
TEST(TrainRanks, AFaultOfOneEndsAllWithOneCode) {
  if (is_rank()) play(small_config(), at("out"));
  const Shared shared;
  std::ofstream(folder() / "media/1-0.png", std::ios::trunc) << "no picture";
  Ranks ranks(2);
  EXPECT_EQ(ranks.end(0), 3);
  EXPECT_EQ(ranks.end(1), 3);
  const std::string first = line_of(0), second = line_of(1);
  const bool by_first = first.starts_with("data: ");
  const std::string &own = by_first ? first : second, &other = by_first ? second : first;
  EXPECT_THAT(own, AllOf(HasSubstr("1-0.png"), Not(HasSubstr("failed: "))));
  EXPECT_THAT(other, AllOf(HasSubstr(by_first ? "rank 0 failed: data: " : "rank 1 failed: data: "), HasSubstr("1-0.png")));
  const Json exit = read_json(folder() / "out/run.json", "test")["exit"];
  EXPECT_EQ(exit["state"], "failed");
  EXPECT_EQ(exit["code"], 3);
}

// Each rank has met one of the two files when the first window ends.
TEST(TrainRanks, TwoFilesOfOnePictureAreNamedWhoeverSawThem) {
  if (is_rank()) {
    TrainConfig config = small_config();
    config.data.shuffle = false;
    config.data.eval_pairs.clear();
    config.optim.warmup_ratio = 0;
    config.train.steps = 1;
    play(config, at("out"));
  }
  const Shared shared(2, 2);
  for (const char* frame : {"-0.png", "-1.png"}) {
    fs::copy_file(folder() / "media" / (std::string("0") + frame), folder() / "media" / (std::string("1") + frame),
                  fs::copy_options::overwrite_existing);
  }
  Ranks ranks(2);
  EXPECT_EQ(ranks.end(0), 3);
  EXPECT_EQ(ranks.end(1), 3);
  for (const int64_t rank : {0, 1})
    EXPECT_THAT(line_of(rank), AllOf(HasSubstr("0-0.png"), HasSubstr("1-0.png"), HasSubstr("visual tokens are equal")));
}

// Whatever is wrong on one rank before the first step.
TEST(TrainRanks, AFaultWhileOpeningEndsAll) {
  if (is_rank()) {
    TrainConfig config = small_config();
    if (world::place_of_process().rank == 1) config.data.cache = "/proc/nowhere";
    play(config, at("out"));
  }
  const Shared shared;
  Ranks ranks(3);
  for (size_t rank = 0; rank < 3; ++rank) EXPECT_EQ(ranks.end(rank), 4) << rank;
  EXPECT_THAT(line_of(2), HasSubstr("rank 1 failed: "));
}

TEST(TrainRanks, ALossThatIsNotFiniteChangesNoWeightAnywhere) {
  if (!is_rank()) {
    const Shared shared;
    EXPECT_TRUE(Ranks(2).all_well());
    return;
  }
  const world::World world(world::place_of_process(), "cpu");
  const TrainConfig config = small_config();
  const loss::Objective objective = loss::make_objective({{"name", "rrpo"}});
  policy::Policy policy = policy::open_policy(config.model, "cpu");
  AdamW optimizer(prepare_trainable(policy, config), config.optim);
  data::Dataset rows = data::read_dataset(config.data.pairs, config.data.video_root, policy, {});
  rows.samples[1].weight = std::numeric_limits<double>::quiet_NaN();
  const data::LoaderRules rules{.root = config.data.video_root,
                                .video = {},
                                .order = {.seed = 1, .shuffle = false},
                                .batch = {.batch = 4, .micro = 1},
                                .share = {world.rank(), world.size()}};
  data::Loader loader(rows, policy, nullptr, rules, 0, 4);
  const Scorer scorer{policy, objective};
  const at::Tensor before = optimizer.weights().values().buffers()[0].clone();
  try {
    step({scorer, rows, loader, optimizer, world}, 0.1, 40);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::numerics);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("row-1"), Not(HasSubstr("row-0"))));
    EXPECT_EQ(std::string(error.what()).starts_with("ranks: rank 1 failed"), world.rank() == 0);
  }
  EXPECT_TRUE(optimizer.weights().values().buffers()[0].equal(before));
  for (const model::NamedTensor& weight : optimizer.parameters()) EXPECT_FALSE(weight.tensor->grad().defined());
}

TEST(TrainRanks, OtherInputsOfOneAreRefusedByName) {
  if (is_rank()) {
    TrainConfig config = small_config();
    if (world::place_of_process().rank == 1) config.optim.lr = 0.5;
    play(config, at("out"));
  }
  const Shared shared;
  Ranks ranks(2);
  EXPECT_EQ(ranks.end(0), 2);
  EXPECT_EQ(ranks.end(1), 2);
  for (const int64_t rank : {0, 1}) EXPECT_THAT(line_of(rank), AllOf(HasSubstr("rank 1"), HasSubstr("optim.lr")));
  EXPECT_FALSE(fs::exists(folder() / "out"));
}

/// The undisturbed run of two, and a part of it that ends early.
TEST(TrainRanks, AStopOfOneStopsAllAfterTheSameStep) {
  if (is_rank()) play(longer_config(), at(fs::exists(folder() / "straight/adapter") ? "stopped" : "straight"));
  const Shared shared;
  EXPECT_TRUE(Ranks(2).all_well());
  {
    Ranks ranks(2);
    await_steps("stopped", 3);
    ::kill(ranks.process(1), SIGTERM);
    EXPECT_EQ(ranks.end(0), 128 + SIGTERM);
    EXPECT_EQ(ranks.end(1), 128 + SIGTERM);
  }
  EXPECT_EQ(read_json(folder() / "stopped/run.json", "test")["exit"]["state"], "stopped");
  char name[32] = "";
  std::snprintf(name, sizeof name, "step-%06zu", steps_of("stopped"));
  EXPECT_TRUE(fs::exists(folder() / "stopped/checkpoints" / name / "state.json")) << name;
  EXPECT_TRUE(Ranks(2).all_well());
  const data::TensorMap straight = trained("straight", "step-000030"), resumed = trained("stopped", "step-000030");
  EXPECT_EQ(distance(straight, resumed), 0);  // as many ranks: to the last bit
}

/// As the loss of a machine looks.
TEST(TrainRanks, AKilledOneEndsAllAndTheRunGoesOnWithTwoOrOne) {
  if (is_rank()) play(longer_config(), at(fs::exists(folder() / "two/adapter") ? "other" : "two"));
  const Shared shared;
  ASSERT_EQ(run(longer_config(), at("straight")).exit_code, 0);
  {
    Ranks ranks(2);
    await_steps("two", 7);
    ::kill(ranks.process(1), SIGKILL);
    EXPECT_EQ(ranks.end(0), 7);
    EXPECT_THAT(line_of(0), HasSubstr("rank 1"));
  }
  ASSERT_LT(steps_of("two"), 30U);
  const Json exit = read_json(folder() / "two/run.json", "test")["exit"];
  EXPECT_EQ(exit["state"], "failed");
  EXPECT_EQ(exit["code"], 7);
  for (const auto& entry : fs::directory_iterator(folder() / "two/checkpoints"))
    EXPECT_FALSE(io::manifest_fault(entry.path()).has_value()) << entry.path();
  fs::copy(folder() / "two", folder() / "one", fs::copy_options::recursive);
  EXPECT_TRUE(Ranks(2).all_well());
  ASSERT_EQ(run(longer_config(), at("one")).exit_code, 0);
  const data::TensorMap start = fresh(longer_config()), end = trained("straight", "step-000030");
  for (const char* out : {"two", "one"}) {
    EXPECT_LT(distance(trained(out, "step-000030"), end), 1e-3 * distance(end, start)) << out;
    EXPECT_EQ(read_json(folder() / out / "run.json", "test")["counts"]["ranks"], std::string(out) == "two" ? 2 : 1);
    const std::vector<Json> own = metrics_of(out), other = metrics_of("straight");
    ASSERT_EQ(own.size(), other.size());
    for (size_t i = 0; i < own.size(); ++i) EXPECT_NEAR(own[i]["loss"].get<double>(), other[i]["loss"].get<double>(), 1e-5);
  }
}

// It has the record and the store that the others met at.
TEST(TrainRanks, TheFirstOneKilledEndsTheOthers) {
  if (is_rank()) play(longer_config(), at("out"));
  const Shared shared;
  {
    Ranks ranks(3);
    await_steps("out", 5);
    ::kill(ranks.process(0), SIGKILL);
    EXPECT_EQ(ranks.end(1), 7);
    EXPECT_EQ(ranks.end(2), 7);
  }
  EXPECT_EQ(read_json(folder() / "out/run.json", "test")["exit"]["state"], "running");
  EXPECT_EQ(run(longer_config(), at("out")).exit_code, 0);
}

}  // namespace
}  // namespace rrpo::train
