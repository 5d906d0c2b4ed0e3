// The shared pass against plain ones: what a sound program says, and that a broken pass is found.
#include "rrpo/train/self_check.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "../../src/train/asked.h"
#include "data/tiny_world.h"
#include "rrpo/io/sha256.h"
#include "rrpo/train/learner.h"
#include "rrpo/train/trainer.h"
#include "rrpo/util/error.h"

namespace rrpo::train {
namespace {

using test::TinyWorld;
using testing::AllOf;
using testing::HasSubstr;

struct Checked {
  loss::Objective objective = loss::make_objective({{"name", "rrpo"}});
  policy::Policy policy;
  data::Dataset rows;
  data::LoaderRules rules;
  std::optional<data::PairBatch> batch;
  Asked asked;

  Checked(const TinyWorld& world, model::Dtype dtype, const std::filesystem::path& file, std::vector<Role> more = {})
      : policy(world.open(dtype)) {
    const at::NoGradGuard frozen;
    objective.roles.insert(objective.roles.end(), more.begin(), more.end());
    rows = data::read_dataset({file}, world.root(), policy, {.roles = objective.roles});
    model::add_adapter(policy.lvlm, {.rank = 2, .alpha = 4}, 3);
    Random random(5, "adapter");
    for (model::NamedTensor& weight : model::adapter_tensors(policy.lvlm)) {
      for (int64_t i = 0; i < weight.tensor->numel(); ++i)
        weight.tensor->view({-1}).select(0, i).fill_(0.2 * random.normal());
    }
    rules = {.root = world.root(), .video = {}, .order = {.seed = 1, .shuffle = false}, .batch = {.batch = 1, .micro = 1}};
    data::Loader loader(rows, policy, nullptr, rules, 0, 1);
    batch = loader.next();
    asked = ask_policy(scorer(), rows, *batch);
  }
  Scorer scorer() { return {policy, objective}; }

  /// What the check says of a pass over rows that `change` was done to.
  SelfCheck of(const std::function<void(data::PackedPairs&)>& change) {
    const at::NoGradGuard frozen;
    Asked wrong = asked;
    change(wrong.packed);
    return compare_with_plain(scorer(), rows, *batch, asked, forward(scorer(), rows, *batch, wrong)).value();
  }
};

const auto kNothing = [](data::PackedPairs&) {};

/// Moves the rows of a segment by one position.
void move_segment(data::PackedPairs& packed, size_t segment) {
  const model::Segment& own = packed.rows.segments.at(segment);
  for (int64_t i = own.begin; i < own.begin + own.length; ++i) {
    model::Position& at = packed.rows.positions[static_cast<size_t>(i)];
    at = {at.time + 1, at.height + 1, at.width + 1};
  }
}

TEST(SelfCheck, PassesInEveryType) {
  const TinyWorld world(1, 1);
  double largest = 0;
  for (const auto& [dtype, allowed] : {std::pair{model::Dtype::float64, 1e-9}, std::pair{model::Dtype::float32, 1e-4},
                                       std::pair{model::Dtype::bfloat16, std::numeric_limits<double>::infinity()}}) {
    Checked checked(world, dtype, world.pairs());
    const SelfCheck check = checked.of(kNothing);
    EXPECT_TRUE(check.passed()) << check.difference << " of " << check.allowed;
    EXPECT_LE(check.difference, allowed);
    EXPECT_LT(check.allowed, 1);
    largest = std::max(largest, check.difference);
    const data::Sample& sample = checked.rows.samples[0];
    EXPECT_EQ(check.tokens, static_cast<int64_t>(2 * (sample.chosen.ids.size() + sample.rejected.ids.size())));
    EXPECT_NO_THROW(require_passed(check));
  }
  EXPECT_GT(largest, 0) << "the shared pass was compared with itself";
}

TEST(SelfCheck, FindsABranchThatStandsOnePositionOff) {
  const TinyWorld world(1, 1);
  for (const model::Dtype dtype : {model::Dtype::float64, model::Dtype::float32, model::Dtype::bfloat16}) {
    Checked checked(world, dtype, world.pairs());
    // Segments: clip, question, chosen, rejected.
    for (const size_t segment : {1U, 2U, 3U}) {
      const SelfCheck check = checked.of([&](data::PackedPairs& packed) { move_segment(packed, segment); });
      if (dtype == model::Dtype::bfloat16) continue;  // a random model hardly minds one position
      EXPECT_FALSE(check.passed()) << "segment " << segment;
      if (segment == 1) continue;
      EXPECT_THAT(check.where, HasSubstr(segment == 2 ? "chosen|video" : "rejected|video"));
    }
  }
}

TEST(SelfCheck, FindsABranchThatSeesTheOther) {
  const TinyWorld world(1, 1);
  Checked checked(world, model::Dtype::float32, world.pairs());
  const SelfCheck check = checked.of([](data::PackedPairs& packed) { packed.rows.segments.at(3).parent = 2; });
  EXPECT_FALSE(check.passed());
  try {
    require_passed(check);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::numerics);
    EXPECT_THAT(std::string(error.what()),
                AllOf(HasSubstr("self-check: row-0: "), HasSubstr("rejected|video"), HasSubstr("nats"), HasSubstr("; fix: "),
                      HasSubstr("train.self_check=false")));
  }
}

TEST(SelfCheck, FindsAReferenceThatIsThePolicy) {
  const TinyWorld world(1, 1);
  Checked checked(world, model::Dtype::float32, world.pairs());
  const at::NoGradGuard frozen;
  Pass shared = forward(checked.scorer(), checked.rows, *checked.batch, checked.asked);
  shared.stats.ref_logp = shared.stats.logp;
  const SelfCheck check = compare_with_plain(checked.scorer(), checked.rows, *checked.batch, checked.asked, shared).value();
  EXPECT_FALSE(check.passed());
  EXPECT_THAT(check.where, HasSubstr("under the reference"));
}

TEST(SelfCheck, FindsWhatIsNoNumberInAPlainPassOnly) {
  SelfCheck check;
  check.difference = std::nan("");
  check.allowed = 1;
  EXPECT_FALSE(check.passed());
  const TinyWorld world(1, 1);
  Checked checked(world, model::Dtype::float32, world.pairs());
  const at::NoGradGuard frozen;
  const Pass shared = forward(checked.scorer(), checked.rows, *checked.batch, checked.asked);
  checked.asked.visual[0].tokens = checked.asked.visual[0].tokens.mul(std::nan(""));
  EXPECT_FALSE(compare_with_plain(checked.scorer(), checked.rows, *checked.batch, checked.asked, shared)->passed());
  // What is no number in the shared pass is for the step to say, which names the pairs.
  const Pass bad = forward(checked.scorer(), checked.rows, *checked.batch, checked.asked);
  EXPECT_FALSE(compare_with_plain(checked.scorer(), checked.rows, *checked.batch, checked.asked, bad).has_value());
}

TEST(SelfCheck, CoversTheRolesOfAnotherClip) {
  const TinyWorld world(2, 1);
  Json row = TinyWorld::pair(0, 0);
  row["other"] = {{"frames", TinyWorld::pair(1, 1)["frames"]}};
  Checked checked(world, model::Dtype::float64, world.dir().write("two.jsonl", row.dump()), {Role::chosen_other});
  const SelfCheck check = checked.of(kNothing);
  EXPECT_TRUE(check.passed()) << check.difference;
  const data::Sample& sample = checked.rows.samples[0];
  EXPECT_EQ(check.tokens, static_cast<int64_t>(2 * (2 * sample.chosen.ids.size() + sample.rejected.ids.size())));
  const SelfCheck broken =
      checked.of([](data::PackedPairs& packed) { move_segment(packed, packed.rows.segments.size() - 1); });
  EXPECT_FALSE(broken.passed());
  EXPECT_THAT(broken.where, HasSubstr("chosen|other"));
}

TrainConfig config_of(const TinyWorld& world) {
  TrainConfig config;
  config.model.path = world.model();
  config.data.pairs = {world.pairs()};
  config.data.eval_pairs = {world.pairs()};
  config.data.video_root = world.root();
  config.lora.rank = 2;
  config.lora.alpha = 4;
  config.optim.lr = 1e-2;
  config.train.batch_pairs = 4;
  config.train.micro_pairs = 2;
  config.train.steps = 6;
  config.train.save_every = 3;
  config.train.keep = 9;
  config.device = "cpu";
  return config;
}

std::vector<Json> timeless(const std::filesystem::path& out) {
  std::vector<Json> lines;
  each_json_line(out / "metrics.jsonl", "test", [&](Json line, int64_t) {
    line.erase("seconds");
    line.erase("seconds_data");
    lines.push_back(line);
  });
  return lines;
}

TEST(SelfCheck, MovesNoNumberOfARun) {
  const TinyWorld world;
  TrainConfig config = config_of(world);
  const auto with = world / "with", without = world / "without";
  run(config, {with});
  config.train.self_check = false;
  run(config, {without});
  EXPECT_EQ(timeless(with), timeless(without));
  for (const char* file : {"adapter/adapter_model.safetensors", "checkpoints/step-000003/trained.safetensors",
                           "checkpoints/step-000003/optimizer.safetensors"}) {
    EXPECT_EQ(io::file_sha256(with / file), io::file_sha256(without / file)) << file;
  }
  const Json a = read_json(with / "checkpoints/step-000003/state.json", "test");
  const Json b = read_json(without / "checkpoints/step-000003/state.json", "test");
  EXPECT_EQ(a.at("media"), b.at("media"));
}

TEST(SelfCheck, ReadsARowThatTrainingReads) {
  const TinyWorld world(3, 3);
  Checked checked(world, model::Dtype::float32, world.pairs());
  checked.rules.batch = {.batch = 4, .micro = 2};
  checked.rules.order = {.seed = 9, .shuffle = true};
  data::SeenMedia seen;
  checked.rules.seen = &seen;
  data::VisualCache cache;
  Scorer scorer = checked.scorer();
  scorer.cache = &cache;
  data::EqualMedia media(seen);
  scorer.media = &media;
  for (const int64_t window : {0, 1, 2, 7}) {
    data::Loader loader(checked.rows, checked.policy, nullptr, checked.rules, window, window + 1);
    const std::string first = loader.next()->ids.at(0);
    seen.clear();
    const std::optional<SelfCheck> check = self_check(scorer, checked.rows, checked.rules, window);
    ASSERT_TRUE(check.has_value());
    EXPECT_EQ(check->pair, first);
    EXPECT_GT(check->seconds, 0);
    EXPECT_THAT(line_of(*check), AllOf(HasSubstr("self-check: " + first), HasSubstr("nats apart at most")));
  }
  EXPECT_TRUE(seen.empty());
  for (const rows::View& view : checked.rows.videos) EXPECT_FALSE(cache.find(view).defined());
}

}  // namespace
}  // namespace rrpo::train
