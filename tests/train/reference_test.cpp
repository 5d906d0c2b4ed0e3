// What the reference says is kept, and no number changes by it.
#include "../../src/train/references.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/tiny_world.h"
#include "rrpo/data/dataset.h"
#include "rrpo/data/loader.h"
#include "rrpo/io/sha256.h"
#include "rrpo/model/weights.h"
#include "rrpo/train/pass.h"
#include "rrpo/train/trainer.h"

namespace rrpo::train {
namespace {

namespace fs = std::filesystem;
using test::TinyWorld;
using testing::Each;

/// A weight that counts how often a pass asks for it.
class Counted : public model::Held {
 public:
  explicit Counted(at::Tensor values) : values_(std::move(values)), shape_(values_.sizes().vec()) {}
  at::Tensor get(at::ScalarType type) const override {
    ++asked;
    return values_.to(type);
  }
  const std::vector<int64_t>& shape() const override { return shape_; }
  int64_t bytes() const override { return static_cast<int64_t>(values_.nbytes()); }

  mutable int64_t asked = 0;

 private:
  at::Tensor values_;
  std::vector<int64_t> shape_;
};

std::shared_ptr<Counted> counted(model::Linear& linear) {
  auto held = std::make_shared<Counted>(linear.weight.plain);
  linear.weight = {};
  linear.weight.held = held;
  return held;
}

/// A tiny model with an adapter that learns by plain gradient descent, pass after pass, and the caches beside it.
struct Learner {
  const TinyWorld& world;
  loss::Objective objective = loss::make_objective({{"name", "rrpo"}});
  policy::Policy policy = world.open();
  data::Dataset rows = data::read_dataset({world.pairs()}, world.root(), policy, {});
  data::VisualCache clips{int64_t{1} << 20};
  data::ReferenceCache references{int64_t{1} << 20};

  explicit Learner(const TinyWorld& world, const std::vector<std::string>& targets = {"q_proj", "down_proj"})
      : world(world) {
    if (targets.empty()) return;
    model::add_adapter(policy.lvlm, {.rank = 2, .alpha = 4, .targets = targets}, 3);
    for (model::NamedTensor& weight : model::adapter_tensors(policy.lvlm)) weight.tensor->requires_grad_(true);
  }

  void open_folder(const fs::path& folder) {
    clips.open_folder(folder, policy, {}, world.root());
    references.open_folder(folder, data::reference_key(policy));
  }

  data::Loader loader(const data::BatchRules& batch, int64_t group, int64_t epochs) {
    const data::LoaderRules rules{
        .root = world.root(), .video = {}, .order = {.seed = 1, .shuffle = true, .group_by_video = group}, .batch = batch};
    return {rows, policy, &clips, rules, 0, epochs * data::windows_per_epoch(rows.rows(), batch)};
  }

  Scorer scorer(bool kept) { return {policy, objective, &clips, kept ? &references : nullptr}; }

  void descend() {
    const at::NoGradGuard frozen;
    for (model::NamedTensor& weight : model::adapter_tensors(policy.lvlm)) {
      at::Tensor& gradient = weight.tensor->mutable_grad();
      if (!gradient.defined()) continue;
      weight.tensor->sub_(gradient, 0.5);
      gradient.reset();
    }
  }
};

/// What was seen of the passes of some epochs.
struct Seen {
  std::vector<double> losses;
  std::vector<std::optional<int64_t>> hits;
};

Seen learn(Learner& learner, bool kept, const data::BatchRules& batch, int64_t group, int64_t epochs) {
  Seen seen;
  data::Loader loader = learner.loader(batch, group, epochs);
  while (const auto micro = loader.next()) {
    if (micro->pairs() == 0) continue;
    const Pass pass = forward(learner.scorer(kept), learner.rows, *micro);
    pass.outputs.at(0).loss.sum().backward();
    seen.losses.push_back(pass.outputs.at(0).loss.sum().item<double>());
    seen.hits.push_back(pass.reference_hits);
    learner.descend();
  }
  return seen;
}

int64_t sum(const std::vector<std::optional<int64_t>>& hits) {
  int64_t all = 0;
  for (const std::optional<int64_t>& one : hits) all += one.value();
  return all;
}

TEST(References, KeptOnesEqualComputedOnesBitForBit) {
  const TinyWorld world;
  for (const auto& [micro, group] : {std::pair{1, 1}, std::pair{2, 1}, std::pair{3, 3}, std::pair{4, 2}}) {
    SCOPED_TRACE(std::to_string(micro) + " rows a pass, groups of " + std::to_string(group));
    Learner plain(world), keeping(world);
    const data::BatchRules batch{.batch = 9, .micro = micro};
    const Seen expected = learn(plain, false, batch, group, 4), seen = learn(keeping, true, batch, group, 4);
    EXPECT_EQ(seen.losses, expected.losses);
    EXPECT_THAT(expected.hits, Each(std::optional<int64_t>()));
    EXPECT_NE(seen.losses.front(), seen.losses.back());
  }
}

TEST(References, ARowOfItsOwnOrAWholeGroupIsFoundFromTheSecondEpochOn) {
  const TinyWorld world;
  for (const int64_t rows : {1, 3}) {
    Learner learner(world);
    const Seen seen = learn(learner, true, {.batch = 9, .micro = rows}, rows, 3);
    const auto first = static_cast<int64_t>(seen.hits.size()) / 3;
    EXPECT_EQ(sum({seen.hits.begin(), seen.hits.begin() + first}), 0);
    EXPECT_EQ(sum(seen.hits), 18);
  }
}

TEST(References, TheReferenceIsNotRunWhereItsRowsAreThere) {
  const TinyWorld world(1, 1);
  Learner learner(world);
  const auto down = counted(learner.policy.lvlm.weights().decoder.layers.front().down);
  const auto asked = [&](const Scorer& scorer) {
    data::Loader loader = learner.loader({.batch = 1, .micro = 1}, 1, 1);
    const at::NoGradGuard frozen;
    const int64_t before = down->asked;
    forward(scorer, learner.rows, *loader.next());
    return down->asked - before;
  };
  const loss::Objective sft = loss::make_objective({{"name", "sft"}});
  const int64_t policy_alone = asked({learner.policy, sft, &learner.clips});
  EXPECT_GT(asked(learner.scorer(true)), policy_alone);
  EXPECT_EQ(asked(learner.scorer(true)), policy_alone);
  EXPECT_GT(asked(learner.scorer(false)), policy_alone);
}

TEST(References, AreAskedOnceForAllTermsOfASum) {
  const TinyWorld world(1, 1);
  Learner learner(world);
  const auto down = counted(learner.policy.lvlm.weights().decoder.layers.front().down);
  const auto asked = [&](const Json& config) {
    const loss::Objective objective = loss::make_objective(config);
    data::Loader loader = learner.loader({.batch = 1, .micro = 1}, 1, 1);
    const at::NoGradGuard frozen;
    const int64_t before = down->asked;
    forward({learner.policy, objective, &learner.clips}, learner.rows, *loader.next());
    return down->asked - before;
  };
  const Json rrpo = {{"name", "rrpo"}}, dpo = {{"name", "dpo"}}, sft = {{"name", "sft"}};
  const int64_t once = asked(rrpo);
  EXPECT_GT(once, asked(sft));
  EXPECT_EQ(asked(Json::array({rrpo, dpo, sft})), once);
  EXPECT_EQ(asked(Json::array({sft, sft})), asked(sft));
}

TEST(References, AnAdaptedEyeIsNotAskedTwiceWhereTheRowsAreThere) {
  const TinyWorld world(1, 2);
  const std::vector<std::string> targets = {"vision:q_proj", "down_proj"};
  Learner plain(world, targets), learner(world, targets);
  const data::BatchRules batch{.batch = 2, .micro = 1};
  EXPECT_EQ(learn(learner, true, batch, 1, 3).losses, learn(plain, false, batch, 1, 3).losses);
  std::shared_ptr<Counted> eye;
  learner.policy.lvlm.weights().vision->each_linear([&eye](const std::string&, model::Linear& linear) {
    if (!eye) eye = counted(linear);
  });
  data::VisualCache no_clips(0);  // so that the reference's eye has to look for itself
  data::Loader loader = learner.loader(batch, 1, 1);
  const auto micro = loader.next();
  const auto asked = [&](data::ReferenceCache* references) {
    const at::NoGradGuard frozen;
    data::PairBatch batch = *micro;
    for (data::Clip& clip : batch.clips) clip.visual = {};
    const int64_t before = eye->asked;
    forward({learner.policy, learner.objective, &no_clips, references}, learner.rows, batch);
    return eye->asked - before;
  };
  EXPECT_EQ(asked(nullptr), 2 * asked(&learner.references));
}

TEST(References, ScoringTheBaseFillsTheFolderForTraining) {
  const TinyWorld world;
  const data::BatchRules batch{.batch = 9, .micro = 1};
  {
    Learner base(world, {});
    base.open_folder(world / "cache");
    const at::NoGradGuard frozen;
    data::Loader loader = base.loader(batch, 1, 1);
    while (const auto micro = loader.next())
      if (micro->pairs() > 0) forward(base.scorer(true), base.rows, *micro);
  }
  Learner plain(world), learner(world);
  learner.open_folder(world / "cache");
  const Seen seen = learn(learner, true, batch, 1, 2);
  EXPECT_EQ(sum(seen.hits), 18);
  EXPECT_EQ(seen.losses, learn(plain, false, batch, 1, 2).losses);
}

/// Hits of the first epoch over a folder that another learner has filled, after `change`.
int64_t hits_after(const TinyWorld& world, const std::function<void(Learner&)>& change) {
  Learner learner(world);
  change(learner);
  learner.open_folder(world / "cache");
  return sum(learn(learner, true, {.batch = 9, .micro = 1}, 1, 1).hits);
}

TEST(References, AnotherModelAnotherClipOrOtherWordsFindNothing) {
  const TinyWorld world;
  const auto hits = [&](const std::function<void(Learner&)>& change) { return hits_after(world, change); };
  EXPECT_EQ(hits([](Learner&) {}), 0);
  EXPECT_EQ(hits([](Learner&) {}), 9);
  EXPECT_EQ(hits([](Learner& learner) { learner.policy.lvlm.weights().decoder.layers[1].o.weight.plain.mul_(1.001); }), 0);
  EXPECT_EQ(hits([](Learner& learner) { learner.policy.pixels.front().mean[0] = 0.25F; }), 0);
  EXPECT_EQ(hits([](Learner& learner) { learner.rows.samples[4].rejected.ids.front() += 1; }), 8);
  fs::copy_file(world.root() / "1-0.png", world.root() / "0-0.png", fs::copy_options::overwrite_existing);
  EXPECT_EQ(hits([](Learner&) {}), 6);
}

TEST(References, AreKeptOnlyWhereTheyAreOneAndWanted) {
  const TinyWorld world(1, 1);
  policy::Policy policy = world.open();
  const loss::Objective rrpo = loss::make_objective({{"name", "rrpo"}}), sft = loss::make_objective({{"name", "sft"}});
  TrainConfig config;
  config.train.epochs = 2;
  const int64_t all = config.data.cache_memory_mb << 20;
  EXPECT_NE(open_references(config, policy, rrpo), nullptr);
  EXPECT_EQ(visual_cache_bytes(config, rrpo), all - all / 8);
  const auto not_kept = [&](const TrainConfig& other, const loss::Objective& objective, const char* why) {
    EXPECT_EQ(open_references(other, policy, objective), nullptr) << why;
    EXPECT_EQ(visual_cache_bytes(other, objective), all) << why;
  };
  not_kept(config, sft, "no reference");
  EXPECT_EQ(open_scored_references(config, policy, rrpo), nullptr);  // no folder
  TrainConfig other = config;
  other.train.reference_cache = false;
  not_kept(other, rrpo, "switched off");
  other = config;
  other.train.trainable = {"lora", "vision"};
  not_kept(other, rrpo, "an eye that learns");
  other = config;
  other.train.epochs = 1;
  not_kept(other, rrpo, "nothing comes again");
  other.data.eval_pairs = {world.pairs()};
  not_kept(other, rrpo, "held-out rows are scored once");
  other.train.eval_every = 1;
  EXPECT_NE(open_references(other, policy, rrpo), nullptr);
  other.train.eval_every = 0;
  other.data.cache = world / "cache";
  EXPECT_NE(open_references(other, policy, rrpo), nullptr);  // for the run after this one
  EXPECT_EQ(visual_cache_bytes(other, rrpo), all);
  EXPECT_NE(open_scored_references(other, policy, rrpo), nullptr);
}

TrainConfig small_config(const TinyWorld& world) {
  TrainConfig config;
  config.model.path = world.model();
  config.data.pairs = {world.pairs()};
  config.data.eval_pairs = {world.pairs()};
  config.data.video_root = world.root();
  config.lora.rank = 2;
  config.lora.alpha = 4;
  config.optim.lr = 1e-2;
  config.train.batch_pairs = 9;
  config.train.steps = 4;
  config.train.save_every = 1;
  config.train.eval_every = 2;
  config.device = "cpu";
  return config;
}

/// The lines of the metrics and, taken out of them, what the cache had.
struct Lines {
  std::vector<Json> numbers, hits;
};

Lines lines_of(const fs::path& out) {
  Lines lines;
  each_json_line(out / "metrics.jsonl", "test", [&](const Json& line, int64_t) {
    Json numbers = line;
    for (const char* clock : {"seconds", "seconds_data"}) numbers.erase(clock);
    for (const char* key : {"reference/hits", "eval/reference/hits"}) {
      if (line.contains(key)) lines.hits.push_back(line.at(key));
      numbers.erase(key);
    }
    lines.numbers.push_back(numbers);
  });
  return lines;
}

TEST(References, ARunSaysWhatItFoundAndGivesTheSameNumbers) {
  const TinyWorld world;
  TrainConfig config = small_config(world);
  ASSERT_EQ(run(config, {world / "kept"}).exit_code, 0);
  config.train.reference_cache = false;
  ASSERT_EQ(run(config, {world / "computed"}).exit_code, 0);
  const Lines kept = lines_of(world / "kept"), computed = lines_of(world / "computed");
  EXPECT_EQ(kept.numbers, computed.numbers);
  EXPECT_TRUE(computed.hits.empty());
  // Steps 1 and 2, the scoring of the same rows behind it, steps 3 and 4, and that scoring again.
  EXPECT_EQ(kept.hits, (std::vector<Json>{0, 1, 1, 1, 1, 1}));
  const auto adapter = [&](const char* out) { return io::file_sha256(world / out / "adapter/adapter_model.safetensors"); };
  EXPECT_EQ(adapter("kept"), adapter("computed"));
}

TEST(References, AnInterruptedRunEndsWithTheSameBytes) {
  const TinyWorld world;
  for (const auto& [micro, folder] : {std::pair{1, false}, std::pair{2, false}, std::pair{1, true}}) {
    const std::string name = std::to_string(micro) + (folder ? "-folder" : "");
    SCOPED_TRACE(name);
    TrainConfig config = small_config(world);
    config.train.micro_pairs = micro;
    if (folder) config.data.cache = world / "cache";
    const fs::path straight = world / ("straight-" + name), out = world / ("parts-" + name);
    ASSERT_EQ(run(config, {straight}).exit_code, 0);
    RunOptions part{out, io::Existing::resume};
    part.halt_after = 2;
    run(config, part);
    ASSERT_EQ(run(config, {out, io::Existing::resume}).exit_code, 0);
    EXPECT_EQ(lines_of(out).numbers, lines_of(straight).numbers);
    EXPECT_EQ(io::file_sha256(out / "adapter/adapter_model.safetensors"),
              io::file_sha256(straight / "adapter/adapter_model.safetensors"));
  }
}

}  // namespace
}  // namespace rrpo::train
