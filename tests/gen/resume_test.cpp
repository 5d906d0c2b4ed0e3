// A run that goes on mixes no two videos under one name, within a pass and between two.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "data/other_noise.h"
#include "data/tiny_world.h"
#include "rrpo/gen/pairs.h"
#include "rrpo/util/error.h"
#include "rrpo/util/stop.h"

namespace rrpo::gen {
namespace {

/// Two passes: twice each about the perturbed video, once about the clean one.
GenConfig config_of(const test::TinyWorld& world) {
  GenConfig config;
  config.model.path = world.model();
  config.gen.questions = world.questions();
  config.gen.video_root = world.root();
  config.gen.max_new_tokens = 4;
  config.gen.samples = 2;
  config.gen.temperature = 1;
  config.gen.require = {"wrong_on_perturbed", "right_on_clean"};
  config.device = "cpu";
  config.threads = 1;
  return config;
}

/// Why going on is refused; empty where it is not.
std::string refusal(const GenConfig& config, const std::vector<rows::Question>& questions,
                    const std::filesystem::path& file) {
  try {
    EXPECT_TRUE(collect_responses(config, questions, file).complete);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage) << error.what();
    return error.what();
  }
  return "";
}

/// Three questions about each of three videos: 18 rows of the first pass, then 9.
TEST(Resume, RefusesAVideoWithOtherPicturesThanItsRowsTellOf) {
  for (const int64_t kept : {8, 18, 23}) {
    SCOPED_TRACE(kept);
    const test::TinyWorld world;
    const GenConfig config = config_of(world);
    const std::vector<rows::Question> questions = rows::read_questions(world.questions());
    const auto file = world / "responses.jsonl";
    ASSERT_EQ(refusal(config, questions, file), "");
    const std::string whole = read_file(file, "test");
    test::keep_lines(file, kept);
    ASSERT_EQ(refusal(config, questions, file), "");
    EXPECT_EQ(read_file(file, "test"), whole);
    test::keep_lines(file, kept);
    test::replace_picture(world.root() / "1-1.png");
    EXPECT_THAT(refusal(config, questions, file),
                testing::AllOf(testing::HasSubstr("1-1.png"), testing::HasSubstr("--overwrite")));
  }
}

TEST(Resume, AStopWhileTheModelIsReadLeavesNoRow) {
  const test::TinyWorld world;
  const std::vector<rows::Question> questions = rows::read_questions(world.questions());
  set_stop_signal(SIGTERM);
  const Collected halted = collect_responses(config_of(world), questions, world / "responses.jsonl");
  set_stop_signal(0);
  EXPECT_FALSE(halted.complete);
  EXPECT_TRUE(halted.responses.empty());
}

}  // namespace
}  // namespace rrpo::gen
