// Proof of sight, against passes over clips that the dataset itself perturbs, and against models that cannot see.
#include "rrpo/train/sight.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "data/tiny_world.h"
#include "rrpo/data/loader.h"
#include "rrpo/train/learner.h"
#include "rrpo/train/metrics.h"
#include "rrpo/train/score.h"
#include "rrpo/train/trainer.h"

namespace rrpo::train {
namespace {

using test::TinyWorld;
using testing::HasSubstr;

/// A policy with an adapter that is not zero, and rows to ask about.
struct Asking {
  const TinyWorld& world;
  loss::Objective objective;
  policy::Policy policy;
  data::Dataset rows;
  data::VisualCache cache{int64_t{1} << 20};

  Asking(const TinyWorld& world, const std::filesystem::path& file, std::vector<Role> more = {},
         model::Dtype dtype = model::Dtype::float32)
      : world(world), objective(loss::make_objective({{"name", "rrpo"}})), policy(world.open(dtype)) {
    objective.roles.insert(objective.roles.end(), more.begin(), more.end());
    rows = data::read_dataset({file}, world.root(), policy, {.roles = objective.roles});
    const at::NoGradGuard frozen;
    model::add_adapter(policy.lvlm, {.rank = 2, .alpha = 4, .targets = {"q_proj", "v_proj"}}, 3);
    Random random(5, "adapter");
    for (model::NamedTensor& weight : model::adapter_tensors(policy.lvlm)) {
      for (int64_t i = 0; i < weight.tensor->numel(); ++i)
        weight.tensor->view({-1}).select(0, i).fill_(0.2 * random.normal());
    }
  }

  /// Asks about all rows, `micro` at a time. `total` gets log p of the chosen answers by row.
  SightRows ask(int64_t micro, bool cached = false, std::map<int64_t, double>* total = nullptr) {
    const at::NoGradGuard frozen;
    const Scorer scorer{policy, objective, cached ? &cache : nullptr};
    data::Loader loader(rows, policy, scorer.cache,
                        {.root = world.root(),
                         .video = {},
                         .order = {.seed = 42, .shuffle = false},
                         .batch = {.batch = micro, .micro = micro},
                         .controls = data::sight_controls()},
                        0, data::windows_per_epoch(rows.rows(), {.batch = micro, .micro = micro}));
    SightRows seen;
    while (const auto batch = loader.next()) {
      const auto [pass, rows_seen] = forward_under_controls(scorer, rows, *batch);
      add(seen, rows_seen);
      for (int64_t m = 0; total != nullptr && m < pass.packed.answer.numel(); ++m) {
        const int64_t number = pass.packed.answer.select(0, m).item<int64_t>();
        if (number < batch->pairs())
          (*total)[batch->place.rows[static_cast<size_t>(number)]] += pass.stats.logp.select(0, m).item<double>();
      }
    }
    return seen;
  }

  /// Nothing of a clip reaches the decoder.
  void blind() {
    const at::NoGradGuard frozen;
    int64_t count = 0;
    for (const model::NamedTensor& weight : model::tensors(policy.lvlm)) {
      if (weight.part != model::Part::projector || weight.name.find("linear_2") == std::string::npos) continue;
      weight.tensor->zero_();
      ++count;
    }
    ASSERT_EQ(count, 2) << "weight and bias of the projector's last linear";
  }
};

std::map<int64_t, double> by_row(const std::vector<SeenRow>& rows) {
  std::map<int64_t, double> all;
  for (const SeenRow& row : rows) all[row.row] = row.nats;
  return all;
}

/// Each row of a file about the other media as well.
std::filesystem::path with_other(const TinyWorld& world, int64_t rows, int64_t videos) {
  std::string lines;
  for (int64_t i = 0; i < rows; ++i) {
    Json row = TinyWorld::pair(i, i % videos);
    row["other"] = {{"frames", TinyWorld::pair(i, (i + 1) % videos)["frames"]}};
    lines += row.dump() + "\n";
  }
  return world.dir().write("with_other.jsonl", lines);
}

// log p(chosen | clip) - log p(chosen | control): both by a pass of its own, over a dataset that shows the clip or what the
// perturbation makes of it.
TEST(Sight, IsTheGainOverTheSameRowsAboutAPerturbedClip) {
  const TinyWorld world(2, 2);
  Asking asking(world, world.pairs(), {}, model::Dtype::float64);
  std::map<int64_t, double> clip;
  const SightRows seen = asking.ask(1, false, &clip);
  ASSERT_EQ(seen.size(), 2U);
  for (const char* steps : {R"([{"name": "blank", "share": [1, 1]}])", R"([{"name": "shuffle_global"}])"}) {
    Asking perturbed(world, world.pairs(), {}, model::Dtype::float64);
    for (rows::View& view : perturbed.rows.videos) {
      view.perturb = Json::parse(steps);
      view.seed = 42;
    }
    std::map<int64_t, double> control;
    perturbed.ask(1, false, &control);
    const auto gains = by_row(seen.at(std::string(steps).find("blank") == std::string::npos ? "shuffled" : "blank"));
    ASSERT_EQ(gains.size(), 4U);
    for (const auto& [row, nats] : gains) {
      EXPECT_NEAR(nats, clip.at(row) - control.at(row), 1e-9) << steps;
      EXPECT_GT(std::abs(nats), 1e-6) << steps;
    }
  }
}

TEST(Sight, IsExactlyNothingForAModelThatDoesNotSee) {
  const TinyWorld world(3, 2);
  for (const bool other : {false, true}) {
    for (const int64_t micro : {1, 4}) {
      for (const model::Dtype dtype : {model::Dtype::float32, model::Dtype::float64, model::Dtype::bfloat16}) {
        Asking asking(world, other ? with_other(world, 6, 3) : world.pairs(),
                      other ? std::vector{Role::chosen_other} : std::vector<Role>{}, dtype);
        asking.blind();
        const SightRows seen = asking.ask(micro);
        ASSERT_EQ(seen.size(), 2U);
        for (const auto& [name, rows] : seen) {
          EXPECT_EQ(rows.size(), 6U);
          for (const SeenRow& row : rows) EXPECT_EQ(row.nats, 0) << name << " micro " << micro << " other " << other;
        }
      }
    }
  }
}

TEST(Sight, HoldsTheOtherClipOfARow) {
  const TinyWorld world(3, 2);
  Asking plain(world, world.pairs(), {}, model::Dtype::float64);
  Asking two(world, with_other(world, 6, 3), {Role::chosen_other}, model::Dtype::float64);
  const SightRows a = plain.ask(1), b = two.ask(1);
  for (const char* name : {"blank", "shuffled"}) {
    const auto one = by_row(a.at(name)), other = by_row(b.at(name));
    ASSERT_EQ(one.size(), 6U);
    for (const auto& [row, nats] : one) EXPECT_NEAR(other.at(row), nats, 1e-9);
  }
}

TEST(Sight, IsTheSameFromACache) {
  const TinyWorld world(2, 2);
  Asking asking(world, world.pairs());
  const SightRows first = asking.ask(1, true), second = asking.ask(1, true), without = asking.ask(1);
  for (const char* name : {"blank", "shuffled"}) {
    EXPECT_EQ(by_row(first.at(name)), by_row(without.at(name)));
    EXPECT_EQ(by_row(second.at(name)), by_row(without.at(name)));
  }
  const data::Control& blank = data::sight_controls().at(0);
  EXPECT_TRUE(asking.cache.find(data::controlled(asking.rows.videos[0], blank, 42)).defined());
}

TEST(Sight, AStillHasNoOrder) {
  const TinyWorld world(2, 1);
  Json still = TinyWorld::pair(0, 0);
  still["frames"] = Json::array({still["frames"][0]});
  const auto only = world.dir().write("still.jsonl", still.dump());
  const auto both = world.dir().write("both.jsonl", still.dump() + "\n" + TinyWorld::pair(1, 1).dump());
  for (const int64_t micro : {1, 2}) {
    const SightRows seen = Asking(world, both).ask(micro);
    EXPECT_EQ(seen.at("blank").size(), 2U);
    ASSERT_EQ(seen.at("shuffled").size(), 1U);
    EXPECT_EQ(seen.at("shuffled")[0].row, 1);
  }
  EXPECT_FALSE(Asking(world, only).ask(1).contains("shuffled"));
}

// Three media with means 2, 2, 6 over 2, 1 and 1 rows: the mean is 3; without one media at a time 4, 10/3, 2. Their mean is
// 28/9, their squares around it (64 + 4 + 100)/81, the variance 2/3 of that.
TEST(Sight, TheIntervalLeavesOutOneMediaAtATime) {
  const std::vector<SeenRow> rows = {{0, 7, 1}, {1, 8, 2}, {2, 7, 3}, {3, 9, 6}};
  const SightMean mean = mean_of(rows);
  EXPECT_EQ(mean.rows, 4);
  EXPECT_EQ(mean.media, 3);
  EXPECT_DOUBLE_EQ(mean.nats, 3);
  const double half = 1.96 * std::sqrt(2.0 / 3 * 168 / 81);
  EXPECT_NEAR(mean.low.value(), 3 - half, 1e-12);
  EXPECT_NEAR(mean.high.value(), 3 + half, 1e-12);
  EXPECT_FALSE(mean_of({{0, 7, 1}, {1, 7, 2}}).low.has_value());
}

// With one row a media it is the textbook's: s / sqrt(n).
TEST(Sight, TheIntervalOfIndependentRowsIsTheStandardErrors) {
  const SightMean mean = mean_of({{0, 1, 0.0}, {1, 2, 1.0}, {2, 3, 2.0}, {3, 4, 5.0}});
  const double deviation = std::sqrt((4.0 + 1 + 0 + 9) / 3);
  EXPECT_NEAR(mean.high.value() - mean.nats, 1.96 * deviation / 2, 1e-12);
}

TEST(Sight, SaysSoWhereNothingShowsThatTheVideoWasSeen) {
  const std::vector<SeenRow> seen = {{0, 1, 1.0}, {1, 2, 1.5}, {2, 3, 2.0}}, unseen = {{0, 1, 1.0}, {1, 2, -1.5}};
  EXPECT_EQ(sight_note({}), "");
  EXPECT_EQ(sight_note({{"blank", seen}, {"shuffled", unseen}}), "");  // few questions are about the order
  EXPECT_THAT(sight_note({{"blank", unseen}}), HasSubstr("nothing shows that the video was seen"));
  EXPECT_THAT(sight_note({{"blank", {{0, 1, 0.0}}}}), HasSubstr("sight/blank is 0.0000 nats over 1 rows"));
  EXPECT_EQ(sight_note({{"blank", {{0, 1, 0.5}}}}), "");
}

TEST(Sight, ToldIsHeardToTheLastBit) {
  MetricSums sums;
  sums.pairs = 2;
  sums.terms.resize(1);
  sums.terms[0].over = 2;
  sums.sight["blank"] = {{4, ~uint64_t{0}, 1.0 / 3}, {5, 1, -0.1}};
  MetricSums heard = MetricSums::heard(Json::parse(sums.told().dump()));
  heard.add(sums);
  ASSERT_EQ(heard.sight.at("blank").size(), 4U);
  EXPECT_EQ(heard.sight.at("blank")[0].nats, 1.0 / 3);
  EXPECT_EQ(heard.sight.at("blank")[0].media, ~uint64_t{0});
  EXPECT_EQ(heard.sight.at("blank")[2].row, 4);
}

TrainConfig config_of(const TinyWorld& world) {
  TrainConfig config;
  config.model.path = world.model();
  config.data.pairs = {world.pairs()};
  config.data.eval_pairs = {world.pairs()};
  config.data.video_root = world.root();
  config.lora.rank = 2;
  config.lora.alpha = 4;
  config.train.batch_pairs = 3;
  config.train.steps = 2;
  config.train.save_every = 0;
  config.train.eval_every = 1;
  config.device = "cpu";
  return config;
}

std::vector<Json> lines_of(const std::filesystem::path& file) {
  std::vector<Json> lines;
  each_json_line(file, "test", [&](const Json& line, int64_t) { lines.push_back(line); });
  return lines;
}

TEST(Sight, StandsInTheMetricsOfARunAndInItsReport) {
  const TinyWorld world;
  TrainConfig config = config_of(world);
  const auto out = world / "run";
  EXPECT_EQ(run(config, {out}).exit_code, 0);
  for (const Json& line : lines_of(out / "metrics.jsonl")) {
    EXPECT_TRUE(line.at("sight/blank").is_number());
    EXPECT_TRUE(line.at("sight/shuffled").is_number());
  }
  EXPECT_THAT(read_file(out / "report.html", "test"), HasSubstr("Proof of sight"));
  config.train.sight = false;
  const auto off = world / "off";
  run(config, {off});
  std::vector<Json> with = lines_of(out / "metrics.jsonl"), without = lines_of(off / "metrics.jsonl");
  for (size_t i = 0; i < with.size(); ++i) {
    EXPECT_FALSE(without[i].contains("sight/blank"));
    for (const char* key : {"sight/blank", "sight/shuffled", "seconds", "seconds_data"}) {
      with[i].erase(key);
      without[i].erase(key);
    }
    EXPECT_EQ(with[i], without[i]);
  }
}

TEST(Sight, StandsInTheLinesOfScore) {
  const TinyWorld world;
  TrainConfig config = config_of(world);
  config.train.micro_pairs = 2;
  const Result result = score(config, {world / "scores"});
  const std::vector<Json> lines = lines_of(world / "scores" / "scores.jsonl");
  ASSERT_EQ(lines.size(), 9U);
  for (const char* name : {"blank", "shuffled"}) {
    double sum = 0;
    for (const Json& line : lines) sum += line.at("sight").at(name).get<double>();
    const Json& mean = result.summary.at("sight").at(name);
    EXPECT_NEAR(mean.at("nats").get<double>(), sum / 9, 1e-6);
    EXPECT_LT(mean.at("low"), mean.at("nats"));
    EXPECT_GT(mean.at("high"), mean.at("nats"));
    EXPECT_EQ(mean.at("media"), 3);
    EXPECT_NEAR(result.summary.at("metrics").at(std::string("sight/") + name).get<double>(), sum / 9, 1e-6);
  }
  config.train.sight = false;
  EXPECT_FALSE(score(config, {world / "off"}).summary.contains("sight"));
  EXPECT_FALSE(lines_of(world / "off" / "scores.jsonl")[0].contains("sight"));
}

}  // namespace
}  // namespace rrpo::train
