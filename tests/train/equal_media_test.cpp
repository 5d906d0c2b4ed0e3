// A run whose files all hold one picture stops and names two of them: at once, after it went on, and where it scores.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "data/tiny_world.h"
#include "rrpo/model/family.h"
#include "rrpo/train/trainer.h"
#include "rrpo/util/error.h"

namespace rrpo::train {
namespace {

namespace fs = std::filesystem;
using test::TinyWorld;
using testing::AllOf;
using testing::HasSubstr;

TrainConfig small_config(const TinyWorld& world) {
  TrainConfig config;
  config.model.path = world.model();
  config.data.pairs = {world.pairs()};
  config.data.video_root = world.root();
  config.data.shuffle = false;
  config.lora.rank = 2;
  config.train.batch_pairs = 1;
  config.train.steps = 3;
  config.train.save_every = 1;
  config.device = "cpu";
  return config;
}

std::string fault_of(const TrainConfig& config, const RunOptions& options) {
  try {
    run(config, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), 3) << error.what();
    return error.what();
  }
  return "";
}

/// The pictures of video 0 under the names of the others.
void show_one_picture(const TinyWorld& world, int64_t videos) {
  for (int64_t v = 1; v < videos; ++v) {
    for (const char* frame : {"-0.png", "-1.png"}) {
      fs::copy_file(world.root() / (std::string("0") + frame), world.root() / (std::to_string(v) + frame),
                    fs::copy_options::overwrite_existing);
    }
  }
}

TEST(EqualMedia, EndARunAndAreNamed) {
  const TinyWorld world(3, 1);
  EXPECT_EQ(fault_of(small_config(world), {world / "sound"}), "");
  show_one_picture(world, 3);
  for (const bool cached : {false, true}) {
    TrainConfig config = small_config(world);
    if (cached) config.data.cache = world / "cache";
    const auto names_both = AllOf(HasSubstr("0-0.png"), HasSubstr("1-0.png"), HasSubstr("visual tokens are equal"));
    const fs::path out = world / (cached ? "cached" : "plain");
    EXPECT_THAT(fault_of(config, {out}), names_both);
    EXPECT_THAT(fault_of(config, {world / (cached ? "from_the_cache" : "again")}), names_both);
    config.data.equal_media = "allow";
    EXPECT_EQ(fault_of(config, {out, io::Existing::resume}), "");  // the field may change on the way
  }
}

TEST(EqualMedia, AreFoundByARunThatGoesOn) {
  const TinyWorld world(2, 1);
  show_one_picture(world, 2);
  TrainConfig config = small_config(world);
  RunOptions first{world / "out"};
  first.halt_after = 1;  // it has seen the first file only
  EXPECT_EQ(fault_of(config, first), "");
  EXPECT_THAT(fault_of(config, {world / "out", io::Existing::resume}), AllOf(HasSubstr("0-0.png"), HasSubstr("1-0.png")));
}

TEST(EqualMedia, AreFoundAmongHeldOutRows) {
  const TinyWorld world(2, 1);
  show_one_picture(world, 2);
  TrainConfig config = small_config(world);
  const std::string rows = read_file(world.pairs(), "test");
  const size_t second = rows.find('\n') + 1;
  config.data.pairs = {world.dir().write("first.jsonl", rows.substr(0, second))};
  config.data.eval_pairs = {world.dir().write("second.jsonl", rows.substr(second))};
  config.train.steps = 2;
  EXPECT_THAT(fault_of(config, {world / "out"}), AllOf(HasSubstr("0-0.png"), HasSubstr("1-0.png")));
}

/// A projector of zeros makes all videos one. An eye that learns changes between two steps: its tokens are not compared.
TEST(EqualMedia, ABlindModelIsFoundAndATrainedEyeIsNotCompared) {
  const TinyWorld world(2, 1);
  TrainConfig config = small_config(world);
  show_one_picture(world, 2);
  config.objective = {{"name", "sft"}};
  config.train.trainable = {"projector"};
  EXPECT_EQ(fault_of(config, {world / "trained"}), "");

  const TinyWorld blind(2, 1);
  policy::Policy policy = blind.open();
  for (model::NamedTensor& weight : model::tensors(policy.lvlm)) {
    if (weight.part == model::Part::projector) weight.tensor->zero_();
  }
  model::save_weights(policy.lvlm, blind.model(), model::Dtype::float32);
  EXPECT_THAT(fault_of(small_config(blind), {blind / "out"}), HasSubstr("visual tokens are equal"));
}

}  // namespace
}  // namespace rrpo::train
