// What a loader hands out under controls, against frames that the test reads and perturbs itself.
#include "rrpo/data/control.h"

#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/tiny_world.h"
#include "rrpo/data/loader.h"
#include "rrpo/data/media.h"
#include "rrpo/video/perturbation.h"

namespace rrpo::data {
namespace {

using test::TinyWorld;

constexpr uint64_t kSeed = 11;

const std::vector<Control>& controls() {
  static const std::vector<Control> all = {{"dark", Json::parse(R"([{"name": "blank", "share": [1, 1], "fill": "black"}])")},
                                           {"turned", Json::parse(R"([{"name": "shuffle_global"}])"), /*order=*/true}};
  return all;
}

struct Reading {
  const TinyWorld& world;
  std::filesystem::path file;
  DatasetRules rules = {};
  policy::Policy policy = world.open();
  Dataset rows = read_dataset({file}, world.root(), policy, rules);
  SeenMedia seen = {};

  PairBatch batch(int64_t micro = 1, VisualCache* cache = nullptr) {
    const LoaderRules loader_rules{.root = world.root(),
                                   .video = {},
                                   .order = {.seed = kSeed, .shuffle = false},
                                   .batch = {.batch = micro, .micro = micro},
                                   .seen = &seen,
                                   .controls = controls()};
    Loader loader(rows, policy, cache, loader_rules, 0, 1);
    return loader.next().value();
  }
};

/// The pixels of a media after steps, as the model takes them.
at::Tensor pixels_after(const Reading& reading, const rows::Media& media, const Json& steps) {
  const video::Frames frames = read_media(media, reading.world.root(), {});
  const video::Frames after = video::perturb(frames, video::parse_perturbations(steps, "test"), kSeed, media.key());
  return clip_input(reading.policy, media, after, {}).pixels.at(0);
}

TEST(Controls, AreTheOwnClipsOfTheRowsPerturbed) {
  const TinyWorld world(3, 2);
  Reading reading{world, world.pairs()};
  const PairBatch batch = reading.batch(3);
  ASSERT_EQ(batch.clips.size(), 3U);
  ASSERT_EQ(batch.controls.size(), 2U);
  for (size_t k = 0; k < 2; ++k) {
    EXPECT_EQ(batch.controls[k].control.name, controls()[k].name);
    ASSERT_EQ(batch.controls[k].clips.size(), 3U);
    for (size_t c = 0; c < 3; ++c) {
      const Clip& clip = batch.controls[k].clips[c];
      EXPECT_EQ(clip.video, batch.clips[c].video);
      const rows::Media& media = reading.rows.videos[static_cast<size_t>(clip.video)].media;
      EXPECT_TRUE(clip.input.pixels.at(0).equal(pixels_after(reading, media, controls()[k].steps)));
      EXPECT_FALSE(clip.input.pixels.at(0).equal(batch.clips[c].input.pixels.at(0)));
      // The frames that were read are the clip's own, whatever is done to them.
      EXPECT_EQ(clip.frames, batch.clips[c].frames);
    }
  }
  EXPECT_EQ(reading.seen.size(), 3U);
  // Two frames have one other order.
  const at::Tensor own = batch.clips[0].input.pixels.at(0);
  EXPECT_TRUE(batch.controls[1].clips[0].input.pixels.at(0).equal(own.flip(0)));
}

TEST(Controls, AnOrderOfOneFrameIsNoControl) {
  const TinyWorld world(1, 1);
  Json row = TinyWorld::pair(0, 0);
  row["frames"] = Json::array({row["frames"][0]});
  Reading reading{world, world.dir().write("one.jsonl", row.dump())};
  const PairBatch batch = reading.batch();
  EXPECT_TRUE(batch.controls.at(0).clips.at(0).there());
  EXPECT_FALSE(batch.controls.at(1).clips.at(0).there());
}

TEST(Controls, LeaveTheOtherClipOfARow) {
  const TinyWorld world(2, 1);
  Json row = TinyWorld::pair(0, 0);
  row["other"] = {{"frames", TinyWorld::pair(1, 1)["frames"]}};
  Reading reading{
      world, world.dir().write("two.jsonl", row.dump()), {.roles = {Role::chosen, Role::rejected, Role::chosen_other}}};
  const PairBatch batch = reading.batch();
  ASSERT_EQ(batch.clips.size(), 2U);
  for (const ControlledClips& one : batch.controls) {
    EXPECT_TRUE(one.clips.at(0).there());
    EXPECT_FALSE(one.clips.at(1).there());
  }
}

TEST(Controls, ComeFromACacheByTheirOwnName) {
  const TinyWorld world(1, 1);
  Reading reading{world, world.pairs()};
  VisualCache cache;
  const auto tokens = [](double value) { return model::VisualTokens{at::full({2, 24}, value), {}, {model::plain_run(2)}}; };
  const rows::View& own = reading.rows.videos[0];
  cache.insert(own, {}, tokens(1));
  const PairBatch first = reading.batch(1, &cache);
  EXPECT_TRUE(first.clips[0].visual.defined());
  for (const ControlledClips& one : first.controls) EXPECT_FALSE(one.clips.at(0).visual.defined());
  for (const Control& control : controls()) cache.insert(controlled(own, control, kSeed), {}, tokens(2));
  const PairBatch second = reading.batch(1, &cache);
  for (const ControlledClips& one : second.controls) {
    EXPECT_TRUE(one.clips.at(0).input.pixels.empty());
    EXPECT_EQ(one.clips.at(0).visual.tokens.max().item<double>(), 2);
  }
}

}  // namespace
}  // namespace rrpo::data
