// Training over a model that the ranks hold in parts: the numbers of a whole one, in half of its memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <limits>
#include <tuple>

#include "../../src/train/rounds.h"
#include "rank_runs.h"
#include "rrpo/policy/parts.h"
#include "rrpo/train/score.h"
#include "support/counting_allocator.h"

namespace rrpo::train {
namespace {

using namespace runs;
using test::is_rank;
using test::Ranks;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kWay = "RRPO_TEST_WAY";  ///< tells the ranks of a test which of its runs they make

std::string way() { return std::getenv(kWay); }

/// All ranks of one run to its end: true where each ended well.
bool run_of(const std::string& name, int64_t count) {
  ::setenv(kWay, name.c_str(), 1);
  return Ranks(count).all_well();
}

/// `frozen` of a run by its name: what stands in front of a dot.
TrainConfig held_as(TrainConfig config, const std::string& name) {
  config.model.frozen = name.substr(0, name.find('.'));
  return config;
}

/// The lines of metrics.jsonl without what a clock says, and what a process found in its own memory.
std::vector<Json> without_clocks(const std::string& out) {
  std::vector<Json> lines = metrics_of(out);
  for (Json& line : lines) {
    for (const char* key : {"seconds", "seconds_data", "reference/hits", "eval/reference/hits"}) line.erase(key);
  }
  return lines;
}

/// Every number of two runs, and what they trained, to the last bit.
void expect_same(const std::string& out, const std::string& expected, const std::string& step = "step-000006") {
  EXPECT_EQ(without_clocks(out), without_clocks(expected));
  EXPECT_EQ(distance(trained(out, step), trained(expected, step)), 0) << out;
  EXPECT_EQ(read_file(folder() / out / "ledger.jsonl", "test"), read_file(folder() / expected / "ledger.jsonl", "test"));
}

TEST(LayerOrder, IsForwardReferenceAndBack) {
  using Order = std::vector<int64_t>;
  EXPECT_EQ(layer_order(3, 1, {}), (Order{0, 1, 2}));
  EXPECT_EQ(layer_order(3, 1, {.reference = true}), (Order{0, 1, 2, 0, 1, 2}));
  EXPECT_EQ(layer_order(2, 2, {.reference = true, .backward = true}), (Order{0, 1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0}));
  EXPECT_EQ(layer_order(2, 1, {.reference = true, .controls = 2}), (Order{0, 1, 0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(layer_order(3, 0, {.backward = true}), Order{});
}

// Windows of 4, 4 and 1 pass: the last leaves a rank without one. From the second epoch on a reference is found where its
// row was seen by the same rank. Held-out rows are scored in between.
TEST(Sharded, MakesWhatWholeModelsMake) {
  if (is_rank()) play(held_as(small_config(), way()), at(way()));
  const Shared shared;
  for (const char* name : {"plain", "sharded", "nf4", "nf4+sharded"}) ASSERT_TRUE(run_of(name, 2)) << name;
  expect_same("sharded", "plain");
  expect_same("nf4+sharded", "nf4");
  EXPECT_NE(distance(trained("nf4"), trained("plain")), 0);
  ASSERT_EQ(run(small_config(), at("one")).exit_code, 0);
  expect_alike("sharded", "one", small_config());
  EXPECT_EQ(read_json(folder() / "sharded/run.json", "test")["config"]["model"]["frozen"], "sharded");
}

// What a backward pass computes again it gathers once; and objectives without a reference gather none for it.
TEST(Sharded, ComputesAgainWhatItDoesNotKeep) {
  if (is_rank()) {
    TrainConfig config = held_as(small_config(), way());
    if (way().ends_with(".layer")) config.train.recompute = "layer";
    if (way().ends_with(".mlp")) config.train.recompute = "mlp";
    if (way().ends_with(".sft")) config.objective = {{"name", "sft"}};
    play(config, at(way()));
  }
  const Shared shared;
  for (const char* name : {"plain", "plain.sft", "sharded.layer", "sharded.mlp", "sharded.sft"})
    ASSERT_TRUE(run_of(name, 2)) << name;
  expect_same("sharded.layer", "plain");
  expect_same("sharded.mlp", "plain");
  expect_same("sharded.sft", "plain.sft");
}

// Three ranks, whose windows of one pass leave two without; rows of one video are skipped by whoever has them. Where terms
// are over pairs and over tokens everybody begins that window again, with its first layer.
TEST(Sharded, SkipsRowsOnOneRank) {
  if (is_rank()) {
    TrainConfig config = held_as(small_config(), way());
    if (way().ends_with(".sum")) config.objective = Json::array({{{"name", "rrpo"}}, {{"name", "sft"}, {"weight", 0.5}}});
    config.data.max_skipped = 5;
    config.data.eval_pairs.clear();
    play(config, at(way()));
  }
  const Shared shared;
  std::ofstream(folder() / "media/2-1.png", std::ios::trunc) << "no picture";
  for (const char* name : {"plain", "sharded", "plain.sum", "sharded.sum"}) ASSERT_TRUE(run_of(name, 3)) << name;
  expect_same("sharded", "plain");
  expect_same("sharded.sum", "plain.sum");
  for (const char* name : {"sharded", "sharded.sum"}) {
    const Json state = read_json(folder() / name / "checkpoints/step-000006/state.json", "test");
    EXPECT_EQ(state["skipped"].size(), 3U) << name;
  }
}

// The folder's key takes the bytes of all layers, and is that of the whole model: all rows are found that it has left there.
TEST(Sharded, FindsTheReferencesOfAWholeModel) {
  if (is_rank()) {
    TrainConfig config = held_as(small_config(), way());
    config.data.eval_pairs.clear();
    config.data.cache = folder() / "cache";
    // A folder on one rank alone: the others give their parts for its key all the same.
    if (way() == "sharded.one" && world::place_of_process().rank == 0) config.data.cache.reset();
    play(config, at(way()));
  }
  const Shared shared;
  for (const char* name : {"plain", "sharded", "sharded.one"}) ASSERT_TRUE(run_of(name, 2)) << name;
  for (const Json& line : metrics_of("sharded")) EXPECT_EQ(line.at("reference/hits"), 1);
  EXPECT_EQ(distance(trained("sharded"), trained("plain")), 0);
  EXPECT_EQ(distance(trained("sharded.one"), trained("plain")), 0);
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// A picture that goes bad on its way, before a pass: the other rank is in the middle of one.
TEST(Sharded, AFaultOfOneEndsAllWithOneCode) {
  if (is_rank()) play(held_as(small_config(), "sharded"), at("out"));
  const Shared shared;
  std::ofstream(folder() / "media/1-0.png", std::ios::trunc) << "no picture";
  const auto begin = std::chrono::steady_clock::now();
  Ranks ranks(2);
  EXPECT_EQ(ranks.end(0), 3);
  EXPECT_EQ(ranks.end(1), 3);
  EXPECT_LT(seconds_since(begin), 30);
  const std::string both = line_of(0) + line_of(1);
  EXPECT_THAT(both, AllOf(HasSubstr("1-0.png"), HasSubstr("failed: data: ")));
  EXPECT_EQ(read_json(folder() / "out/run.json", "test")["exit"]["code"], 3);
}

/// What a rank needs for steps of its own.
struct Learner {
  const TrainConfig config;
  const loss::Objective objective = loss::make_objective({{"name", "rrpo"}});
  policy::Policy policy;
  AdamW optimizer;
  data::Dataset rows;

  Learner(const world::World& world, const TrainConfig& wanted)
      : config(wanted),
        policy(policy::open_policy(config.model, "cpu", peers_of(world))),
        optimizer(prepare_trainable(policy, config), config.optim),
        rows(data::read_dataset(config.data.pairs, config.data.video_root, policy, {})) {}
  data::Loader loader(const world::World& world) const {
    const data::LoaderRules rules{.root = config.data.video_root,
                                  .video = {},
                                  .order = {.seed = 1, .shuffle = false},
                                  .batch = {.batch = 4, .micro = 1},
                                  .share = {world.rank(), world.size()}};
    return {rows, policy, nullptr, rules, 0, 4};
  }
};

// In the middle of a pass, between its way forward and its way back.
TEST(Sharded, ALossThatIsNotFiniteEndsAll) {
  if (!is_rank()) {
    const Shared shared;
    EXPECT_TRUE(Ranks(2).all_well());
    return;
  }
  ::alarm(150);
  const world::World world(world::place_of_process(), "cpu");
  Learner own(world, held_as(small_config(), "sharded"));
  own.rows.samples[1].weight = std::numeric_limits<double>::quiet_NaN();
  data::Loader loader = own.loader(world);
  const Scorer scorer{own.policy, own.objective};
  try {
    step({scorer, own.rows, loader, own.optimizer, world}, 0.1, 40);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::numerics);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("row-1"), Not(HasSubstr("row-0"))));
    EXPECT_EQ(std::string(error.what()).starts_with("ranks: rank 1 failed"), world.rank() == 0);
  }
}

TrainConfig longer_config() {
  TrainConfig config = small_config();
  config.train.steps = 30;
  config.data.eval_pairs.clear();
  return config;
}

// Who holds what is free when a run goes on, as the number of ranks is: no number depends on it.
TEST(Sharded, AKilledOneEndsAllAndTheRunGoesOnInAnyWay) {
  if (is_rank()) {
    const std::string frozen = way().ends_with(".by_whole") ? "plain" : "sharded";
    play(held_as(longer_config(), frozen), at(way().substr(0, way().find('.'))));
  }
  const Shared shared;
  ASSERT_TRUE(run_of("straight", 2));
  {
    ::setenv(kWay, "two", 1);
    Ranks ranks(2);
    await_steps("two", 7);
    const auto begin = std::chrono::steady_clock::now();
    ::kill(ranks.process(1), SIGKILL);
    EXPECT_EQ(ranks.end(0), 7);
    EXPECT_LT(seconds_since(begin), 60);
    EXPECT_THAT(line_of(0), HasSubstr("rank 1"));
  }
  ASSERT_LT(steps_of("two"), 30U);
  for (const auto& entry : fs::directory_iterator(folder() / "two/checkpoints"))
    EXPECT_FALSE(io::manifest_fault(entry.path()).has_value()) << entry.path();
  for (const char* name : {"one", "whole", "alone"})
    fs::copy(folder() / "two", folder() / name, fs::copy_options::recursive);
  ASSERT_TRUE(run_of("two", 2));
  ASSERT_TRUE(run_of("whole.by_whole", 2));
  for (const char* name : {"two", "whole"}) expect_same(name, "straight", "step-000030");
  ASSERT_EQ(run(held_as(longer_config(), "sharded"), at("one")).exit_code, 0);  // one rank has all of it
  ASSERT_EQ(run(longer_config(), at("alone")).exit_code, 0);
  const data::TensorMap start = fresh(longer_config()), end = trained("straight", "step-000030");
  for (const char* name : {"one", "alone"})
    EXPECT_LT(distance(trained(name, "step-000030"), end), 1e-3 * distance(end, start)) << name;
}

// The other way round, and in four bits, which are other numbers.
TEST(Sharded, GoesOnWithARunOfAWholeModel) {
  if (is_rank()) play(held_as(small_config(), way()), at("run"));
  const Shared shared;
  RunOptions part = at("run");
  part.halt_after = 3;
  run(small_config(), part);
  ::setenv(kWay, "nf4+sharded", 1);
  {
    Ranks ranks(2);
    EXPECT_EQ(ranks.end(0), 2);
    EXPECT_EQ(ranks.end(1), 2);
    EXPECT_THAT(line_of(0), HasSubstr("model.frozen"));
  }
  EXPECT_TRUE(run_of("sharded", 2));
  ASSERT_EQ(run(small_config(), at("one")).exit_code, 0);
  expect_alike("run", "one", small_config());
}

TEST(Sharded, MustBeWantedByAllRanks) {
  if (is_rank()) play(held_as(small_config(), world::place_of_process().rank == 0 ? "sharded" : "plain"), at("out"));
  const Shared shared;
  Ranks ranks(2);
  EXPECT_EQ(ranks.end(0), 2);
  EXPECT_EQ(ranks.end(1), 2);
  EXPECT_THAT(line_of(1), AllOf(HasSubstr("rank 1"), HasSubstr("model.frozen")));
}

TEST(Sharded, IsForTrainingAlone) {
  const Shared shared;
  for (const char* name : {"sharded", "nf4+sharded"}) {
    TrainConfig config = held_as(small_config(), name);
    try {
      score(config, at("scores"));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::usage);
      EXPECT_THAT(error.what(), HasSubstr("model.frozen: is " + config.model.frozen));
    }
    EXPECT_FALSE(fs::exists(folder() / "scores"));
  }
}

constexpr int64_t kLayers = 12, kWidth = 96, kInner = 256;

/// Twelve layers in the place of two, so that what a layer takes stands out.
void deepen() {
  Json config = read_json(folder() / "model/config.json", "test");
  config["text_config"].update({{"hidden_size", kWidth}, {"intermediate_size", kInner}, {"num_hidden_layers", kLayers}});
  io::write_json(folder() / "model/config.json", config);
  model::Lvlm lvlm = model::init(folder() / "model/config.json", 7, {});
  model::save_weights(lvlm, folder() / "model", model::Dtype::float32);
}

struct Taken {
  int64_t held = 0;  ///< bytes of the opened model
  int64_t most = 0;  ///< bytes at the peak of its second step, the model's among them
};
Taken taken_by(const world::World& world, const std::string& frozen) {
  const test::CountingAllocator& count = test::Counted::allocator();
  const int64_t before = count.live();
  Taken taken;
  Learner own(world, held_as(small_config(), frozen));
  taken.held = count.live() - before;
  data::Loader loader = own.loader(world);
  const Scorer scorer{own.policy, own.objective};
  step({scorer, own.rows, loader, own.optimizer, world}, 1e-3);
  test::Counted::allocator().forget();
  step({scorer, own.rows, loader, own.optimizer, world}, 1e-3);
  taken.most = count.most() - before;
  return taken;
}

// Half of the layers and room for two, and nothing else: neither when it is opened nor at the peak of a step.
TEST(Sharded, HoldsHalfAndTwoLayers) {
  if (!is_rank()) {
    const Shared shared;
    deepen();
    EXPECT_TRUE(Ranks(2).all_well());
    return;
  }
  const world::World world(world::place_of_process(), "cpu");
  const test::Counted counted;
  const double numbers = 2 * kWidth * kWidth + 2 * kWidth * kWidth / 2 + 3 * kWidth * kInner;
  for (const auto& [whole, parts, layer] :
       {std::tuple("plain", "sharded", 4 * numbers), std::tuple("nf4", "nf4+sharded", 0.5625 * numbers)}) {
    const Taken all = taken_by(world, whole), own = taken_by(world, parts);
    const double saved = layer * (kLayers - (kLayers / 2 + 2));
    EXPECT_NEAR(static_cast<double>(all.held - own.held) / saved, 1, 0.01) << parts;
    EXPECT_NEAR(static_cast<double>(all.most - own.most) / saved, 1, 0.03) << parts;
  }
}

}  // namespace
}  // namespace rrpo::train
